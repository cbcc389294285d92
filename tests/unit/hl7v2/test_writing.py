"""The ORU^R01 of an advice, read back by the library."""

from dataclasses import replace

import hl7
import pytest

from dicomnode.domain.advice import Advice, AdviceKind, Origin, state
from dicomnode.hl7v2.writing import Subject, oru
from tests.values import STUDY, at

AWAITED = Advice(study_instance_uid=STUDY, exam_id=7, opened=at(0), deadline=at(90))
STATED = state(AWAITED, AdviceKind.MAY_BE_OMITTED, "a|b^c", Origin.PLUGIN, at(5), cautions=("not known: eGFR",))
SUBJECT = Subject(patient_id="P|1", issuer="HOSP", accession_number="ACC7")


def test_it_says_whom_what_and_why() -> None:
    message = hl7.parse(oru(STATED, SUBJECT, "Contrast may be omitted", at(6)))
    assert str(message.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    assert message.unescape(str(message["PID.F3.R1.C1"])) == "P|1"
    assert str(message["PID.F3.R1.C4"]) == "HOSP"
    assert str(message["OBR.F3"]) == "ACC7"
    assert str(message["OBR.F25"]) == "F"
    observations = [(str(one[3][0][0]), message.unescape(str(one[5])), str(one[11])) for one in message.segments("OBX")]
    assert observations == [
        ("CONTRAST_ADVICE", "ADV_OMIT^Contrast may be omitted^99DICOMNODE", "F"),
        ("REASON", "a|b^c", "F"),
        ("CAUTION", "not known: eGFR", "F"),
    ]


def test_the_same_advice_has_the_same_control_id() -> None:
    first, again = (hl7.parse(oru(STATED, SUBJECT, "x", at(n))) for n in (6, 60))
    changed = hl7.parse(oru(replace(STATED, stated=at(9)), SUBJECT, "x", at(60)))
    assert str(first["MSH.F10"]) == str(again["MSH.F10"]) != str(changed["MSH.F10"])


def test_what_is_awaited_is_not_sent() -> None:
    with pytest.raises(ValueError, match="awaited"):
        oru(AWAITED, SUBJECT, "x", at(6))
