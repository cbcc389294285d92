"""What a stack is: physics first, label second, and never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.dicom.roles import decide
from dicomnode.domain.stack import RoleDecision
from tests.slices import GRADIENT_ECHO


def decided(**facts: Any) -> RoleDecision:
    merged = {**GRADIENT_ECHO, **facts}
    return decide({keyword: value for keyword, value in merged.items() if value is not None})


@pytest.mark.parametrize(
    ("frequency", "echo_time", "role"),
    [
        (63.87, 2.30, "opposed-phase"),
        (63.87, 4.61, "in-phase"),
        (63.87, 2.10, "opposed-phase"),
        (63.87, 4.20, "in-phase"),
        (63.87, 2.40, "opposed-phase"),
        (63.87, 4.90, "in-phase"),
        (63.87, 6.91, "opposed-phase"),
        (63.87, 9.21, "in-phase"),
        (127.74, 1.15, "opposed-phase"),
        (127.74, 2.30, "in-phase"),
        (127.74, 3.45, "opposed-phase"),
        (127.74, 4.61, "in-phase"),
        (123.25, 1.23, "opposed-phase"),
        (123.25, 2.46, "in-phase"),
        (63.87, 3.45, ""),
        (63.87, 1.80, ""),
        (123.25, 5.19, ""),
        (63.87, 20.72, ""),
    ],
)
def test_echo_time_and_field_strength_decide(frequency: float, echo_time: float, role: str) -> None:
    assert decided(ImagingFrequency=frequency, EchoTime=echo_time).role == role


def test_the_reason_says_echo_time_field_and_angle() -> None:
    assert decided(EchoTime=5.19, ImagingFrequency=123.255762).reasons[:2] == (
        "echo time 5.19 ms at 2.89 T is neither in phase nor opposed (63 degrees)",
        "field strength from the imaging frequency",
    )
    assert decided(EchoTime=20.72).reasons[0] == (
        "echo time 20.72 ms at 1.5 T is too late to be told in phase from opposed (4.5 fat-water turns)"
    )


def test_a_label_that_agrees_is_named() -> None:
    decision = decided(ImageType=["ORIGINAL", "PRIMARY", "M", "IN_PHASE"])
    assert decision.role == "in-phase"
    assert "labelled in-phase" in decision.reasons


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"SeriesDescription": "opp-phase"},
            "ambiguous: labelled opposed-phase, but echo time 4.6 ms at 1.5 T is in phase (0 degrees)",
        ),
        (
            {"SeriesDescription": "in phase", "EchoTime": 3.4},
            "ambiguous: labelled in-phase, but echo time 3.4 ms at 1.5 T is neither in phase nor opposed (266 degrees)",
        ),
        (
            {"ImagingFrequency": None, "MagneticFieldStrength": None},
            "ambiguous: echo time 4.6 ms, but the header holds no field strength",
        ),
        (
            {"EchoTime": None},
            "ambiguous: gradient echo without an echo time, so its fat-water phase is unknown",
        ),
    ],
)
def test_contradiction_is_ambiguous(facts: dict[str, Any], reason: str) -> None:
    assert decided(**facts) == RoleDecision(role="", reasons=(reason,))


@pytest.mark.parametrize(
    ("facts", "role", "begins"),
    [
        ({"ScanOptions": ["FS"]}, "", "fat-saturated (Scan Options FS)"),
        ({"ScanningSequence": ["SE"]}, "", "unknown: spin echo, TR 150 ms, TE 4.6 ms: of no weighting"),
        ({"ScanningSequence": ["GR", "IR"], "InversionTime": 900.0}, "t1", "gradient echo inversion recovery, TR 150"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "T1", "T1"]}, "derived", "a T1 map"),
        ({"ComplexImageComponent": "PHASE"}, "phase", "Complex Image Component PHASE"),
        ({"ScanOptions": ["IP"]}, "in-phase", "echo time"),
        ({"ScanningSequence": ["EP", "SE"], "DiffusionBValue": 0.0}, "dwi", "b = 0 image"),
        ({"ScanningSequence": ["EP", "GR"]}, "", "unknown: echo planar gradient echo"),
        ({"ScanningSequence": None}, "", "unknown: the header does not say"),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "WATER"]}, "water", "a water image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "F"]}, "fat", "a fat image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, "phase", "a phase image"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "B0"]}, "field-map", "a field map"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "localizer", "a localizer"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "derived", "derived"),
        ({"DiffusionBValue": 800.0}, "dwi", "diffusion-weighted, b = 800 s/mm2"),
        ({"DiffusionBValue": 0.0}, "in-phase", "echo time"),
        ({"Modality": "CT"}, "", "modality CT, not MR"),
    ],
)
def test_what_is_neither_in_phase_nor_opposed(facts: dict[str, Any], role: str, begins: str) -> None:
    decision = decided(**facts)
    assert decision.role == role
    assert decision.reasons[0].startswith(begins)


def test_contrast_is_said() -> None:
    assert "contrast agent given: Primovist" in decided(ContrastBolusAgent="Primovist").reasons
    assert len(decided(ContrastBolusAgent="NONE").reasons) == 2


def test_what_is_no_image_has_no_role_but_the_reason() -> None:
    assert decide({}, "not an image: Enhanced SR") == RoleDecision(role="", reasons=("not an image: Enhanced SR",))
