"""Planes of an instance, and the classic words for what an Enhanced frame says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicomnode.dicom.frames import classic, frames_of
from tests.slices import header


def test_a_single_frame_instance_is_one_plane_with_its_own_facts() -> None:
    one = header("1.1", EchoTime=4.6)
    (frame,) = frames_of(one)
    assert (frame.sop_instance_uid, frame.number) == ("1.1", 0)
    assert frame.facts is one.facts


def test_each_frame_is_a_plane_and_its_own_word_counts() -> None:
    one = replace(
        header("1.1", EchoTime=9.0, ImageType=["ORIGINAL", "PRIMARY", "T1", "MIXED"]),
        frames=({"EffectiveEchoTime": 2.3, "FrameType": ["ORIGINAL", "PRIMARY", "T1", "M"]}, {"EchoTime": 7.0}),
    )
    first, second = frames_of(one)
    assert (first.number, second.number) == (1, 2)
    assert (first.facts["EchoTime"], second.facts["EchoTime"]) == (2.3, 7.0)
    assert (first.facts["ImageType"], second.facts["ImageType"]) == (
        ["ORIGINAL", "PRIMARY", "T1", "M"],
        ["ORIGINAL", "PRIMARY", "T1", "MIXED"],
    )


@pytest.mark.parametrize(
    ("enhanced", "keyword", "value"),
    [
        ({"EchoPulseSequence": "GRADIENT"}, "ScanningSequence", ["GR"]),
        ({"EchoPulseSequence": "SPIN", "InversionRecovery": "YES"}, "ScanningSequence", ["SE", "IR"]),
        ({"EchoPulseSequence": "BOTH", "EchoPlanarPulseSequence": "YES"}, "ScanningSequence", ["SE", "GR", "EP"]),
        ({"EchoPulseSequence": "SPIN", "ScanningSequence": ["RM"]}, "ScanningSequence", ["RM"]),
        ({"InversionTimes": [900.0]}, "InversionTime", 900.0),
        ({"InversionTime": 1400.0}, "InversionTime", 1400.0),
        ({"InversionTime": 0.0}, "InversionTime", None),
        ({"InversionTime": 120.0, "InversionRecovery": "NO"}, "InversionTime", None),
        ({"ScanOptions": ["RG"], "SpectrallySelectedSuppression": "FAT"}, "ScanOptions", ["RG", "FS"]),
        ({"SpectrallySelectedExcitation": "WATER"}, "ScanOptions", ["WE"]),
        ({"SpectrallySelectedSuppression": "NONE"}, "ScanOptions", None),
        ({"RFEchoTrainLength": 0, "GradientEchoTrainLength": 54, "EchoTrainLength": 1}, "EchoTrainLength", 54),
        ({"TransmitterFrequency": [127.7]}, "ImagingFrequency", [127.7]),
        (
            {"MRAcquisitionFrequencyEncodingSteps": 256, "MRAcquisitionPhaseEncodingStepsInPlane": 192},
            "AcquisitionMatrix",
            [256, 0, 0, 192],
        ),
        ({"FrameAcquisitionDateTime": "20210902133733.16"}, "AcquisitionTime", "133733.16"),
        ({"FrameAcquisitionDateTime": "20210902133733+0100"}, "AcquisitionTime", "133733"),
        ({"TemporalPositionIndex": 3}, "TemporalPositionIdentifier", 3),
    ],
)
def test_classic_words(enhanced: dict[str, Any], keyword: str, value: object) -> None:
    assert classic(enhanced).get(keyword) == value
