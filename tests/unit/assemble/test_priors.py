"""Which earlier studies count, and which of their volumes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicomnode.assemble.assess import assess
from dicomnode.assemble.priors import Current, current, fitting, oldest, unfit_series, unfit_study, wanted
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.domain.instance import Patient
from dicomnode.sdk.spec import InputRole, Match, Prior
from tests.slices import plugin, stored, volume

EXAM = Current(
    study_instance_uid=StudyInstanceUID("1.2.3"),
    patient=Patient(patient_id="P1", issuer="H", birth_date="20100101", sex="F"),
    study_date="20260301",
    body_parts=frozenset({"LIVER"}),
)
RULE = Prior(within_days=365)
OFFER = {
    "StudyInstanceUID": "1.2.4",
    "PatientID": "P1",
    "IssuerOfPatientID": "H",
    "PatientBirthDate": "20100101",
    "PatientSex": "F",
    "ModalitiesInStudy": "MR\\SR",
    "StudyDate": "20250301",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"IssuerOfPatientID": "", "PatientSex": "", "ModalitiesInStudy": "MR"}, ""),
        ({"StudyInstanceUID": "1.2.3"}, "the exam itself"),
        ({"PatientID": "P10"}, "another patient ID"),
        ({"PatientID": ""}, "another patient ID"),
        ({"IssuerOfPatientID": "I"}, "another issuer of the patient ID"),
        ({"PatientBirthDate": "20100102"}, "another patient's birth date"),
        ({"PatientSex": "M"}, "another patient's sex"),
        ({"ModalitiesInStudy": "CT"}, "no MR study"),
        ({"StudyDate": "20250228"}, "too old"),
        ({"StudyDate": "20260302"}, "later than the exam"),
        ({"StudyDate": "?"}, "no study date to compare"),
    ],
)
def test_a_study_that_is_offered_is_judged(change: dict[str, str], reason: str) -> None:
    assert unfit_study({**OFFER, **change}, EXAM, RULE) == reason


def test_a_series_of_another_body_part_stays_where_it_is() -> None:
    assert unfit_series({"Modality": "MR", "BodyPartExamined": "liver"}, EXAM, RULE) == ""
    assert unfit_series({"Modality": "MR"}, EXAM, RULE) == ""
    assert unfit_series({"Modality": "MR", "BodyPartExamined": "KNEE"}, EXAM, RULE) == "another body part"
    anywhere = Prior(within_days=365, same_body_part=False)
    assert unfit_series({"Modality": "MR", "BodyPartExamined": "KNEE"}, EXAM, anywhere) == ""
    assert unfit_series({"Modality": "SR"}, EXAM, anywhere) == "not MR"


def test_the_search_is_as_wide_as_the_widest_plugin() -> None:
    def role(rule: Prior | None) -> InputRole:
        return InputRole(role="x", match=(), from_prior=rule)

    one = plugin(InputRole(role="a", match=()), role(Prior(within_days=10)))
    other = plugin(InputRole(role="a", match=()), role(Prior(within_days=900, same_body_part=False)))
    assert wanted([one, other]) == Prior(within_days=900, same_body_part=False)
    assert wanted([plugin()]) is None
    assert oldest(EXAM, Prior(within_days=1)) == "20260228"


def before(date: str, root: str, **facts: Any) -> list[Any]:
    return volume(root, study=f"{root}.0", series=f"{root}.1", StudyDate=date, BodyPartExamined="LIVER", **facts)


def test_the_newest_study_that_fits_fills_the_role() -> None:
    old, new = before("20250401", "2.1"), before("20251001", "2.2")
    far = before("20260101", "2.3")
    far = [replace(header, facts={**header.facts, "BodyPartExamined": "KNEE"}) for header in far]
    (chosen,) = fitting(stacks([*old, *new, *far]), RULE, EXAM)
    assert chosen.series_instance_uid == "2.2.1"


def test_a_plugin_that_compares_waits_only_while_priors_may_come_and_lacks_nothing_else() -> None:
    def role(name: str, **more: Any) -> InputRole:
        return InputRole(role=name, match=(Match(keyword="EchoTime", op="le", value=100.0),), **more)

    spec = plugin(role("now"), role("before", from_prior=RULE), name="compare")
    exam = stored(volume("1.8", StudyDate="20260301"))
    waiting = assess(exam, [(spec, {})], searching="waits for priors")
    assert (waiting.tasks, waiting.waiting_for_priors) == ((), ("compare",))
    assert [(refusal.reason, refusal.held) for refusal in waiting.refusals] == [("waits for priors", True)]

    nothing = assess(exam, [(spec, {})])
    assert nothing.refusals[0].reason == "no before: no earlier study here has one that fits"

    (task,) = assess(exam, [(spec, {})], earlier=stored(before("20251001", "2.2"))).tasks
    assert {chosen.role: chosen.stack.series_instance_uid for chosen in task.inputs} == {
        "now": "1.2.3.1",
        "before": "2.2.1",
    }
    stranger = [
        replace(header, patient=Patient(patient_id="P1", birth_date="20110101", sex="F"))
        for header in before("20251001", "2.2")
    ]
    refused = assess(exam, [(spec, {})], earlier=stored(stranger))
    assert refused.tasks == ()
    assert refused.refusals[0].reason == "the inputs disagree on the patient's birth date"


def test_an_exam_says_what_it_is_compared_by() -> None:
    headers = volume("1.8", StudyDate="20260301", BodyPartExamined="Liver")
    assert (current(headers).study_date, current(headers).body_parts) == ("20260301", {"LIVER"})
