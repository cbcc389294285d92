"""Contrast agent: given, not given, or said both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from dicomnode.dicom import header
from dicomnode.dicom.contrast import contrast, minutes_after
from dicomnode.dicom.physics import contrast_agent
from tests.builders import mr_series
from tests.enhanced import enhance

AGENT = {"ContrastBolusAgent": "Dotarem"}


@pytest.mark.parametrize(
    ("facts", "given"),
    [
        ({}, False),
        (AGENT, True),
        ({"ContrastBolusAgent": "NONE"}, False),
        ({"ContrastBolusVolume": 20.0}, False),
        ({"ContrastBolusAgentSequence": ["Gadoterate"]}, True),
        ({"ContrastBolusAgentSequence": ["Gadoterate"], "ContrastBolusAgentAdministered": "NO"}, False),
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
        (
            {**AGENT, "ContrastBolusAgentAdministered": "NO", "SeriesDescription": "t1 GD"},
            "contrast agent not given, but labelled GD",
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


@pytest.mark.parametrize(("administered", "agent"), [("YES", "Gadoterate"), ("NO", "")])
def test_an_enhanced_image_lists_agents_and_says_whether_they_were_given(
    tmp_path: Path, administered: str, agent: str
) -> None:
    path = enhance(mr_series(tmp_path, attributes={"ImagingFrequency": 63.9}), tmp_path / "enhanced.dcm")
    image, listed, usage = dcmread(path), Dataset(), Dataset()
    listed.CodeValue, listed.CodingSchemeDesignator, listed.CodeMeaning = "767273009", "SCT", "Gadoterate"
    usage.ContrastBolusAgentNumber, usage.ContrastBolusAgentAdministered = 1, administered
    image.ContrastBolusAgentSequence = [listed]
    image.SharedFunctionalGroupsSequence[0].ContrastBolusUsageSequence = [usage]
    image.save_as(path)
    assert contrast_agent(header.read_file(path).facts) == agent
