"""A work item has every attribute that its maker must give, and one UID for one advice."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom import Dataset

from dicomnode.encode.ups import workitem
from dicomnode.sdk import Code
from tests.values import at

FILLED = {
    "ScheduledProcedureStepPriority": "HIGH",
    "ProcedureStepLabel": "Contrast recommended: administer gadolinium",
    "ScheduledProcedureStepStartDateTime": "20260301120005+0000",
    "InputReadinessState": "READY",
    "ProcedureStepState": "SCHEDULED",
}
"""Type 1 in the column N-CREATE (SCU) of PS3.4 Table CC.2.5-3."""
CONDITIONAL = {"StudyInstanceUID": "1.2.3", "PatientID": "P1", "SpecificCharacterSet": "ISO_IR 192"}
"""Type 1C there, and the condition holds."""
PRESENT = [
    "TransactionUID",
    "WorklistLabel",
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ScheduledHumanPerformersSequence",
    "ScheduledWorkitemCodeSequence",
    "CommentsOnTheScheduledProcedureStep",
    "InputInformationSequence",
    "PatientName",
    "IssuerOfPatientID",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "PatientBirthDate",
    "PatientSex",
    "AdmissionID",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "ReferencedRequestSequence",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
]
"""Type 2 there."""
REQUEST = [
    "StudyInstanceUID",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "OrderPlacerIdentifierSequence",
    "OrderFillerIdentifierSequence",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "RequestedProcedureCodeSequence",
]


def made(**changes: Any) -> Dataset:
    given = {
        "study": "1.2.3",
        "patient_id": "P1",
        "issuer": "HOSPITAL",
        "accession_number": "ACC7",
        "what": Code("ADV_CONTRAST", "99DICOMNODE", FILLED["ProcedureStepLabel"]),
        "comment": "why",
        "begins": at(5),
    }
    return workitem(**{**given, **changes})


def test_everything_its_maker_must_give_is_there() -> None:
    item = made()
    assert {keyword: item[keyword].value for keyword in {**FILLED, **CONDITIONAL}} == {**FILLED, **CONDITIONAL}
    assert [keyword for keyword in PRESENT if keyword not in item] == []
    (request,) = item.ReferencedRequestSequence
    assert [keyword for keyword in REQUEST if keyword not in request] == []
    assert (request.StudyInstanceUID, request.AccessionNumber) == ("1.2.3", "ACC7")
    (code,) = item.ScheduledWorkitemCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("ADV_CONTRAST", "99DICOMNODE")
    assert "SOPClassUID" not in item
    assert str(item.PatientName) == ""


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"comment": "else", "begins": at(9)}, True),
        ({"study": "1.2.4"}, False),
        ({"what": Code("ADV_OMIT", "99DICOMNODE", "Contrast may be omitted")}, False),
    ],
)
def test_one_advice_on_one_study_is_one_work_item(change: dict[str, Any], same: bool) -> None:
    assert (made(**change).SOPInstanceUID == made().SOPInstanceUID) is same


def test_a_long_reason_stays_within_its_value_representation() -> None:
    assert len(made(comment="x" * 20000).CommentsOnTheScheduledProcedureStep) == 10240
