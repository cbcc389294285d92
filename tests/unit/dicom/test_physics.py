"""Physics from headers."""

from __future__ import annotations

import pytest

from dicomnode.dicom.physics import contrast_agent, fat_saturation, fat_water_cycles, field_strength, phase_label
from dicomnode.domain.instance import Facts


@pytest.mark.parametrize(
    ("facts", "tesla", "evidence"),
    [
        ({"ImagingFrequency": 123.255762, "MagneticFieldStrength": 3.0}, 2.8949, "from the imaging frequency"),
        ({"ImagingFrequency": 128175953.0, "MagneticFieldStrength": 3.0}, 3.0104, "from the imaging frequency"),
        ({"ImagingFrequency": 63.87, "ImagedNucleus": "1H"}, 1.5001, "from the imaging frequency"),
        ({"ImagingFrequency": 25.8, "ImagedNucleus": "31P", "MagneticFieldStrength": 1.5}, 1.5, "nominal"),
        ({"ImagingFrequency": 0.0, "MagneticFieldStrength": 1.5}, 1.5, "nominal"),
        ({"MagneticFieldStrength": 15000.0}, 1.5, "nominal, written in gauss"),
    ],
)
def test_field_strength(facts: Facts, tesla: float, evidence: str) -> None:
    field = field_strength(facts)
    assert field is not None
    assert field.tesla == pytest.approx(tesla, abs=1e-4)
    assert field.evidence == evidence


@pytest.mark.parametrize("facts", [{}, {"MagneticFieldStrength": 0.0}, {"MagneticFieldStrength": 99.0}])
def test_no_field_strength_is_not_guessed(facts: Facts) -> None:
    assert field_strength(facts) is None


@pytest.mark.parametrize(
    ("echo_time", "tesla", "cycles"), [(2.3, 1.5, 0.5), (4.6, 1.5, 1.0), (1.15, 3.0, 0.5), (2.3, 3.0, 1.0)]
)
def test_fat_turns_against_water(echo_time: float, tesla: float, cycles: float) -> None:
    assert fat_water_cycles(echo_time, tesla) == pytest.approx(cycles, abs=0.002)


@pytest.mark.parametrize(
    ("written", "agent"),
    [
        ("Magnevist", "Magnevist"),
        ("11 ml Omniscan", "11 ml Omniscan"),
        ("NONE", ""),
        ("none ", ""),
        ("NO", ""),
        ("0", ""),
    ],
)
def test_contrast_agent(written: str, agent: str) -> None:
    assert contrast_agent({"ContrastBolusAgent": written}) == agent


def test_fat_saturation_is_not_spatial_saturation() -> None:
    assert fat_saturation({"ScanOptions": ["PFP", "FS"]}) == "FS"
    assert fat_saturation({"ScanOptions": ["SP", "SAT1", "IP"]}) == ""


@pytest.mark.parametrize(
    ("facts", "label"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "DIXON", "IN_PHASE"]}, "in-phase"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "OP"]}, "opposed-phase"),
        ({"SeriesDescription": "InPhase: Ax LAVA-Flex"}, "in-phase"),
        ({"SeriesDescription": "t1_vibe_dixon_tra_bh_opp"}, "opposed-phase"),
        ({"SeriesDescription": "t1_fl2d_opp-phase"}, "opposed-phase"),
        ({"ProtocolName": "T1DUAL_OutPhase"}, "opposed-phase"),
        ({"SeriesDescription": "out of phase"}, "opposed-phase"),
        ({"SeriesDescription": "in/out phase", "ImageType": ["ORIGINAL", "PRIMARY"]}, "opposed-phase"),
        ({"SeriesDescription": "in phase and out phase"}, ""),
        ({"SeriesDescription": "spin phase", "ScanOptions": ["IP"]}, ""),
        ({"SeriesDescription": "patient in supine, post OP"}, ""),
    ],
)
def test_label(facts: Facts, label: str) -> None:
    assert phase_label(facts) == label
