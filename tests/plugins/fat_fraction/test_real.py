"""Real exams: one with a healthy liver, and two that look like a dual echo and are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicomnode.errors import Unsuitable
from tests.plugins.fat_fraction.exams import body, case_of, findings, numbers, percent, segment
from tests.plugins.fat_fraction.exams import said as words

LIVER = (slice(20, 27), slice(110, 130), slice(60, 75))
"""A box in the right lobe of the CHAOS exam, away from large vessels: slices, rows, columns."""


@pytest.fixture(scope="module")
def chaos(test_data: Path) -> Path:
    return test_data / "liver-dual-echo-chaos1"


def test_a_healthy_liver_reads_no_fat(chaos: Path) -> None:
    given = case_of(chaos)
    found = findings(given)
    said = numbers(found)
    assert -1.5 < said["Median"] < 0.5
    assert -1.5 < numbers(found, "Spleen")["Median"] < 1.5
    assert said["Part of the region with signal above the noise gate"] > 99
    outline = segment(found, "Liver, measured part") | segment(found, "Liver, rim and vessels")
    assert 1300 < said["Volume of the whole liver outline"] < 1650
    assert outline[LIVER].mean() > 0.97
    assert percent(found)[LIVER].std() < 3
    assert not (outline & ~body(given)).any()
    assert "Not applicable: the liver reads" in words(found)
    assert "The images end inside the liver" in words(found)


def test_the_body_is_plausible(chaos: Path) -> None:
    given = case_of(chaos)
    assert 9000 < body(given).sum() * given.volume("in_phase").voxel_volume / 1000 < 14000


def test_the_exam_holds_both_echoes_in_one_series(chaos: Path) -> None:
    given = case_of(chaos)
    assert given.volume("in_phase").acquisition["EchoTime"] == pytest.approx(4.635)
    assert given.volume("opposed_phase").acquisition["EchoTime"] == pytest.approx(2.302)


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("head-philips-elition/dual-echo-gre-classic", "holds no opposed-phase echo of this acquisition"),
        ("head-siemens-dual-echo-gre", "neither in phase nor opposed|too late|no (in|opposed)_phase"),
    ],
)
def test_what_only_looks_like_a_dual_echo_is_refused(test_data: Path, folder: str, reason: str) -> None:
    with pytest.raises(Unsuitable, match=reason):
        case_of(test_data / folder)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("swapped", "seem swapped"),
        ("scaled", "scaled differently"),
        ("moved", "9.5 mm apart"),
        ("next slice", "5.5 mm apart"),
        ("equal", "have the same phase"),
    ],
)
def test_a_real_pair_with_damaged_content_is_refused(chaos: Path, damage: str, reason: str) -> None:
    given = case_of(chaos)
    in_phase, opposed = (given.volume(role).array for role in ("in_phase", "opposed_phase"))
    arrays = {
        "swapped": (opposed, in_phase),
        "scaled": (in_phase, opposed * np.float32(1.6)),
        "moved": (in_phase, np.roll(opposed, (5, -4), axis=(1, 2))),
        "next slice": (in_phase, np.roll(opposed, 1, axis=0)),
        "equal": (in_phase, in_phase),
    }[damage]
    volumes = {
        role: replace(given.volume(role), array=array)
        for role, array in zip(("in_phase", "opposed_phase"), arrays, strict=True)
    }
    with pytest.raises(Unsuitable, match=reason):
        findings(replace(given, volumes=volumes))
