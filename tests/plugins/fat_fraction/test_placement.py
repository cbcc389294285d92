"""Contrast-enhanced volumes are moved onto the liver of the dual echo, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fat_fraction.exams import HardExam, examine
from dicomnode.sdk import Volume
from dicomnode_plugins.fat_fraction import placement
from dicomnode_plugins.fat_fraction.placement import Placement, Registered


@pytest.fixture(scope="module")
def exam() -> HardExam:
    return examine(3)


def water(exam: HardExam) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return (exam.volumes["in_phase"].array + exam.volumes["opposed_phase"].array) / np.float32(2)


@pytest.mark.parametrize("moved", [(0.0, 0.0, 0.0), (5.0, -4.0, 14.0), (-3.0, 7.0, -9.0)])
def test_a_breath_is_found(exam: HardExam, moved: tuple[float, float, float]) -> None:
    before = exam.volumes["precontrast"]
    affine = before.affine.copy()
    affine[:3, 3] += moved
    found = placement.place(replace(before, affine=affine), water(exam), exam.volumes["in_phase"], exam.liver)
    assert found.shift == pytest.approx(moved, abs=1.5)
    assert found.information > placement.LEAST_INFORMATION


def test_both_ways_to_the_late_series_end_at_one_place(exam: HardExam) -> None:
    volumes = exam.volumes
    found = placement.register(
        volumes["precontrast"], volumes["hepatobiliary"], water(exam), volumes["in_phase"], exam.liver
    )
    assert found.doubt == ""
    assert found.gap < 2
    assert "hepatobiliary series by" in found.said


def test_equal_input_gives_equal_placement(exam: HardExam) -> None:
    given = exam.volumes["hepatobiliary"], water(exam), exam.volumes["in_phase"], exam.liver
    assert placement.place(*given) == placement.place(*given)


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({}, ""),
        ({"gap": 3.5}, "two ways to the hepatobiliary series end 3.5 mm apart"),
        ({"after": Placement(shift=(0, 0, 0), information=0.1)}, "the hepatobiliary series tells too little"),
        ({"before": Placement(shift=(0, 0, 0), information=0.1)}, "the precontrast series tells too little"),
        ({"after": Placement(shift=(0, 0, -25), information=0.5)}, "too far off in the hepatobiliary series"),
    ],
)
def test_what_is_not_believed(changed: dict[str, Placement], doubt: str) -> None:
    sound = Registered(
        before=Placement(shift=(0, 0, 1), information=0.5), after=Placement(shift=(0, 2, 9), information=0.5), gap=0.5
    )
    assert doubt in replace(sound, **changed).doubt
    assert bool(doubt) == bool(replace(sound, **changed).doubt)


def test_information_is_none_without_relation_and_whole_with_one() -> None:
    random = np.random.default_rng(1)
    levels = random.integers(0, 24, 40_000)
    assert placement.shared_information(levels, 23 - levels) == pytest.approx(1)
    assert placement.shared_information(levels, random.integers(0, 24, 40_000)) < 0.02


def test_a_series_is_read_by_patient_coordinates() -> None:
    z, y, x = np.mgrid[:6, :8, :10].astype(np.float32)
    fine = np.diag([1.0, 1.0, 2.0, 1.0])
    moving = Volume(array=x + 10 * y + 100 * z, affine=fine)
    coarse = np.diag([2.0, 2.0, 2.0, 1.0])
    coarse[0, 3] = 0.5
    onto = Volume(array=np.zeros((7, 3, 4), np.float32), affine=coarse)
    seen = placement.resampled(moving, onto)
    assert seen[1, 2, 3] == pytest.approx(6.5 + 10 * 4 + 100 * 1)
    assert np.isnan(seen[6]).all(), "beyond the last slice there is nothing"
    shifted = placement.resampled(moving, onto, (1.0, 2.0, -2.0))
    assert shifted[1, 1, 2] == pytest.approx(5.5 + 10 * 4 + 100 * 0)
