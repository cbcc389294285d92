"""The study's protocols are recognised; their neighbours are not."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.dicom.neurography import decide_neurography
from dicomnode.dicom.roles import decide

T1: dict[str, Any] = {
    "Modality": "MR",
    "ScanningSequence": ["GR"],
    "MRAcquisitionType": "3D",
    "RepetitionTime": 5.54,
    "EchoTime": 2.46,
    "MagneticFieldStrength": 3.0,
    "ContrastBolusAgent": "Gd-DTPA",
}
MRN: dict[str, Any] = {
    "Modality": "MR",
    "ScanningSequence": ["SE", "IR"],
    "MRAcquisitionType": "3D",
    "RepetitionTime": 3000.0,
    "EchoTime": 287.0,
    "InversionTime": 220.0,
    "ContrastBolusAgent": "Gd-DTPA",
}


@pytest.mark.parametrize(
    ("facts", "role"),
    [
        (T1, "ce-t1"),
        ({**T1, "RepetitionTime": 4.1, "EchoTime": 1.49}, "ce-t1"),
        ({**T1, "ScanningSequence": ["SE"], "RepetitionTime": 600.0, "EchoTime": 12.0}, "ce-t1"),
        ({**T1, "ScanOptions": "FS"}, "ce-t1"),
        (MRN, "ce-mrn"),
        ({**MRN, "RepetitionTime": 2000.0, "EchoTime": 230.0, "InversionTime": 260.0}, "ce-mrn"),
        ({**T1, "ContrastBolusAgent": "NONE"}, "in-phase"),
        ({**T1, "SeriesDescription": "T1 in phase"}, "in-phase"),
        ({**MRN, "ContrastBolusAgent": ""}, ""),
        ({**MRN, "InversionTime": 2200.0}, ""),
        ({**MRN, "EchoTime": 80.0}, ""),
        (
            {**T1, "ScanOptions": "FS", "ContrastBolusAgent": "Primovist", "SeriesDescription": "HBP"},
            "hepatobiliary-phase",
        ),
    ],
)
def test_the_role_follows_from_timing_and_agent(facts: dict[str, Any], role: str) -> None:
    assert decide(facts).role == role


def test_the_reason_names_timing_and_agent() -> None:
    decision = decide_neurography(MRN)
    assert decision is not None
    assert decision.reasons == (
        "inversion recovery, TR 3000 ms, TE 287 ms, TI 220 ms",
        "contrast agent given: Gd-DTPA",
    )


def test_neurography_without_an_agent_says_so() -> None:
    decision = decide({**MRN, "ContrastBolusAgent": "NO"})
    assert decision.reasons[0] == "unknown: neurography without a contrast agent"


def test_nothing_is_said_of_echo_planar_images() -> None:
    assert decide_neurography({**MRN, "ScanningSequence": ["SE", "EP"]}) is None
