"""Weighting by times first, labels second; what contradicts is no role."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.dicom.weighting import decide_weighting

SPIN: dict[str, Any] = {"ScanningSequence": ["SE"], "RepetitionTime": 500.0, "EchoTime": 10.0}
T2 = {**SPIN, "RepetitionTime": 4000.0, "EchoTime": 90.0}
STIR = {**T2, "ScanningSequence": ["SE", "IR"], "RepetitionTime": 3000.0, "EchoTime": 287.0, "InversionTime": 220.0}
GRADIENT = {**SPIN, "ScanningSequence": ["GR"], "RepetitionTime": 6.5, "EchoTime": 2.9, "MRAcquisitionType": "3D"}
AGENT = {"ContrastBolusAgent": "Gadovist"}


@pytest.mark.parametrize(
    ("facts", "role"),
    [
        (SPIN, "t1"),
        ({**SPIN, **AGENT}, "ce-t1"),
        (T2, "t2"),
        ({**T2, "EchoTime": 20.0}, "pd"),
        ({**T2, "RepetitionTime": 9000.0, "InversionTime": 2500.0}, "flair"),
        ({**T2, "RepetitionTime": 9000.0, "SeriesDescription": "FLAIR"}, "flair"),
        ({**T2, "InversionTime": 150.0}, "stir"),
        (STIR, "stir"),
        ({**STIR, "MRAcquisitionType": "3D"}, "stir"),
        ({**STIR, "MRAcquisitionType": "3D", **AGENT}, "ce-mrn"),
        ({**STIR, "MRAcquisitionType": "3D", "EchoTime": 100.0, **AGENT}, "stir"),
        ({**STIR, **AGENT}, "stir"),
        ({**GRADIENT, "FlipAngle": 9.0}, "t1"),
        ({**GRADIENT, "FlipAngle": 5.0}, ""),
        ({**GRADIENT, "RepetitionTime": 1800.0, "InversionTime": 900.0}, "t1"),
        ({**GRADIENT, "SteadyStatePulseSequence": "FREE_PRECESSION"}, ""),
        ({**GRADIENT, "RepetitionTime": 250.0, "MRAcquisitionType": "2D", "FlipAngle": 70.0}, "t1"),
        ({**T2, "ScanningSequence": ["SE", "EP"]}, ""),
        ({**T2, "SeriesDescription": "T2*"}, "t2"),
        ({"RepetitionTime": 500.0, "EchoTime": 10.0}, ""),
    ],
)
def test_times_decide(facts: dict[str, Any], role: str) -> None:
    assert decide_weighting(facts).role == role


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({**SPIN, "SeriesDescription": "t2_tse_sag"}, "ambiguous: labelled T2, but spin echo, TR 500 ms, TE 10 ms"),
        ({**SPIN, "SeriesDescription": "t1 +C"}, "ambiguous: no contrast agent in the header, but labelled +C"),
        ({**T2, "DiffusionBValue": 0.0}, "ambiguous: spin echo, TR 4000 ms, TE 90 ms: times of a T2"),
        ({**T2, "DiffusionBValue": 0.0, "PixelBandwidth": 2400.0}, "ambiguous: spin echo, TR 4000 ms, TE 90 ms: times"),
        ({**SPIN, "EchoTime": 400.0}, "unknown: spin echo, TR 500 ms, TE 400 ms"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_has_no_role(facts: dict[str, Any], reason: str) -> None:
    decision = decide_weighting(facts)
    assert decision.role == ""
    assert decision.reasons[0].startswith(reason)


def test_b_0_on_an_anatomical_image_is_evidence_against_and_no_verdict() -> None:
    decision = decide_weighting({**T2, "DiffusionBValue": 0.0, "PixelBandwidth": 250.0})
    assert (decision.role, decision.score) == ("t2", 0.75)
    assert decision.against == ("b = 0 is written, as on a diffusion image",)


def test_a_wrong_acquisition_contrast_lowers_the_score() -> None:
    decision = decide_weighting({**T2, "AcquisitionContrast": "T1"})
    assert (decision.role, decision.against) == ("t2", ("Acquisition Contrast says T1",))
    assert decision.score < 1
