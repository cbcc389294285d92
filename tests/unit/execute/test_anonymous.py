"""Free text of a workstation says nothing of the patient to a plugin."""

from __future__ import annotations

import pytest

from dicomnode.domain.instance import Patient
from dicomnode.execute.anonymous import anonymous
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, LIVER
from dicomnode.sdk.labels import LabelledSegment

PATIENT = Patient(patient_id="H-4711", name="Müller^Eva^J=Yamada^山田太", birth_date="19700102")


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("Liver", "Liver"),
        ("liver MÜLLER", "Segment"),
        ("for h-4711", "Segment"),
        ("山田太 liver", "Segment"),
        ("born 19700102", "Segment"),
        ("1.2.840.99.1 liver", "Segment"),
        ("J lobe", "J lobe"),
        ("x" * 70, "x" * 64),
    ],
)
def test_label_and_tracking_id(label: str, told: str) -> None:
    segment = LabelledSegment(label=label, category=ANATOMICAL_STRUCTURE, type=LIVER, tracking_id=label)
    assert anonymous(segment, PATIENT).label == told
    assert anonymous(segment, PATIENT).tracking_id == ("" if told == "Segment" else told)
