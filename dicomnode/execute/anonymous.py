"""Withhold from a plugin what a person may have written about the patient into the label of a segment."""

from __future__ import annotations

import re
from dataclasses import replace

from dicomnode.domain.instance import Patient
from dicomnode.sdk.labels import LabelledSegment

WITHHELD = "Segment"
"""Stands for a label that names the patient."""

_SEPARATORS = re.compile(r"[\^=\s,;]+")
_UID = re.compile(r"\d+(\.\d+){3,}")
_SHORTEST = 3  # characters; a middle initial is in every word
_LONGEST = 64


def anonymous(segment: LabelledSegment, patient: Patient) -> LabelledSegment:
    """The segment with its free texts withheld where they hold part of a name, an identifier or a UID."""
    return replace(
        segment,
        label=WITHHELD if _tells(segment.label, patient) else segment.label[:_LONGEST],
        tracking_id="" if _tells(segment.tracking_id, patient) else segment.tracking_id[:_LONGEST],
    )


def _tells(text: str, patient: Patient) -> bool:
    words = [*_SEPARATORS.split(patient.name), patient.patient_id, patient.birth_date]
    telling = [word.casefold() for word in words if len(word) >= _SHORTEST]
    return bool(_UID.search(text)) or any(word in text.casefold() for word in telling)
