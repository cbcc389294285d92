"""Contrast agent: given, not given, or said both ways."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.dicom.contrast import contrast, minutes_after

AGENT = {"ContrastBolusAgent": "Dotarem"}


@pytest.mark.parametrize(
    ("facts", "given"),
    [
        ({}, False),
        (AGENT, True),
        ({"ContrastBolusAgent": "NONE"}, False),
        ({"ContrastBolusVolume": 20.0}, False),
        ({"ContrastBolusVolume": 20.0, "SeriesDescription": "t1 post"}, True),
        ({**AGENT, "SeriesDescription": "sag 3d gre +c"}, True),
        ({"SeriesDescription": "pre"}, False),
        ({"SeriesDescription": "cervical spine, precession, gadget"}, False),
    ],
)
def test_evidence(facts: dict[str, Any], given: bool) -> None:
    found = contrast(facts)
    assert (found.given, found.contradiction) == (given, "")


@pytest.mark.parametrize(
    ("facts", "contradiction"),
    [
        ({"SeriesDescription": "t1 +C"}, "no contrast agent in the header, but labelled +C"),
        ({"ContrastBolusAgent": "NONE", "SeriesDescription": "t1 GD"}, "contrast agent called NONE, but labelled GD"),
        (
            {"ContrastBolusAgent": "NONE", "ContrastBolusVolume": 9.0, "SeriesDescription": "T1 CE"},
            "contrast agent called NONE, but labelled CE",
        ),
        ({**AGENT, "SeriesDescription": "t1 native"}, "contrast agent Dotarem, but labelled NATIVE"),
        ({**AGENT, "ProtocolName": "t1 w/o"}, "contrast agent Dotarem, but labelled W/O"),
        (
            {**AGENT, "ContrastBolusStartTime": "101500", "AcquisitionTime": "100000"},
            "contrast agent Dotarem, but acquired before its injection",
        ),
    ],
)
def test_contradictions(facts: dict[str, Any], contradiction: str) -> None:
    assert contrast(facts).contradiction == contradiction


def test_minutes_run_over_midnight() -> None:
    assert minutes_after({"ContrastBolusStartTime": "234500", "AcquisitionTime": "000500.0"}) == 20
    assert minutes_after({"AcquisitionTime": "000500"}) is None
