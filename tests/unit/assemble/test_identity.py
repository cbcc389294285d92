"""One patient, one study."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.assemble.identity import different_patients, different_studies
from dicomnode.domain.instance import Patient
from tests.slices import header

PATIENT = Patient(patient_id="P1", issuer="H", name="Doe^Jane", birth_date="20100101", sex="F")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"name": "DOE^JANE"}, ""),
        ({"patient_id": "P2"}, "the inputs disagree on the patient ID"),
        ({"issuer": "I"}, "the inputs disagree on the issuer of the patient ID"),
        ({"birth_date": ""}, "the inputs disagree on the patient's birth date"),
        ({"sex": "M"}, "the inputs disagree on the patient's sex"),
    ],
)
def test_every_part_of_the_identity_counts_but_the_spelling_of_the_name(change: dict[str, str], reason: str) -> None:
    assert (
        different_patients([header("1.1", patient=PATIENT), header("1.2", patient=replace(PATIENT, **change))])
        == reason
    )


def test_two_studies_are_refused() -> None:
    assert different_studies([header("1.1")]) == ""
    assert different_studies([header("1.1"), header("1.2", study="1.2.4")]) == "the inputs are of different studies"
