"""What is said of the liver, and what of the spleen beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dicomnode.demo.phantom import Exam
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case, Volume
from dicomnode_plugins.fat_fraction import codes, readings, relaxation
from dicomnode_plugins.fat_fraction.gates import Quality
from dicomnode_plugins.fat_fraction.organs import Organs
from tests.plugins.fat_fraction.exams import SMALL, case, findings, numbers, said


def with_physics(given: Case, **physics: Any) -> Case:
    volumes = {
        role: replace(volume, acquisition={**volume.acquisition, **physics}) for role, volume in given.volumes.items()
    }
    return replace(given, volumes=volumes)


def test_the_t1_correction_is_an_option_and_says_what_it_takes() -> None:
    given, _ = case(Exam(shape=SMALL), t1_correction=True)
    found = findings(with_physics(given, RepetitionTime=160.0))
    corrected = numbers(found)[codes.T1_CORRECTED.meaning]
    assert corrected == pytest.approx(relaxation.without_t1(numbers(found)["Median"], 1.6414), abs=0.01)
    assert "weighted 1.64 times over liver water" in said(found)
    assert codes.T1_CORRECTED.meaning not in numbers(findings(case(Exam(shape=SMALL))[0]))


@pytest.mark.parametrize(
    ("physics", "reason"),
    [({"FlipAngle": "unknown"}, "flip angle is missing"), ({"MagneticFieldStrength": 1.2}, "not at 1.2 T")],
)
def test_where_t1_cannot_be_corrected_it_is_said(physics: dict[str, Any], reason: str) -> None:
    given, _ = case(Exam(shape=SMALL), t1_correction=True)
    volume = with_physics(given, **physics).volume("in_phase")
    found = readings.of_liver(*box(volume), t1_correction=True)
    assert reason in said(found)
    assert codes.T1_CORRECTED.meaning not in numbers(found)


def box(volume: Volume, opposed: float = 1.0, reading: float = 12.0) -> tuple[Any, ...]:
    """A liver and a spleen of a few voxels."""
    shape = volume.array.shape
    liver, spleen = np.zeros(shape, bool), np.zeros(shape, bool)
    liver[2:-2, 10:20, 10:20], spleen[2:-2, 30:40, 30:40] = True, True
    percent = np.where(liver, np.float32(reading), np.float32(50 * (1 - opposed)))
    signal = np.full(shape, 500, np.float32)
    found = Organs(liver=liver, core=liver, spleen=spleen, quality=Quality(figures={}))
    return percent, found, replace(volume, array=signal), replace(volume, array=signal * np.float32(opposed))


@pytest.fixture
def volume() -> Volume:
    return case(Exam(shape=SMALL))[0].volume("in_phase")


@pytest.mark.parametrize("opposed", [0.8, 1.2, 0.0])
def test_a_spleen_of_another_scale_is_refused(volume: Volume, opposed: float) -> None:
    with pytest.raises(Unsuitable, match=r"the spleen is .* times as bright in phase as opposed"):
        readings.of_liver(*box(volume, opposed), t1_correction=False)


def test_a_spleen_below_zero_shows_decay(volume: Volume) -> None:
    found = readings.of_liver(*box(volume, 1.08), t1_correction=False)
    assert "T2* effect: the spleen, which holds no fat, reads -4.0 %" in said(found)
    assert "by an amount that the spleen does not tell" in said(found)
    assert "T2* effect" not in said(readings.of_liver(*box(volume, 1.04), t1_correction=False))


def test_without_a_spleen_scale_and_decay_are_unchecked(volume: Volume) -> None:
    percent, organs, *echoes = box(volume)
    found = readings.of_liver(percent, replace(organs, spleen=organs.spleen & False), *echoes, t1_correction=False)
    assert "No spleen was found" in said(found)
    assert not numbers(found, "Spleen")
    assert not numbers(found, "Spleen")


@pytest.mark.parametrize(("reading", "flagged"), [(41.0, True), (39.0, False)])
def test_a_liver_that_may_have_folded_over_is_flagged(volume: Volume, reading: float, flagged: bool) -> None:
    found = readings.of_liver(*box(volume, reading=reading), t1_correction=False)
    assert ("Fold-over possible: 100.0% of the measured voxels read above 40 %" in said(found)) is flagged


def test_a_liver_that_the_images_cut_off_is_said(volume: Volume) -> None:
    percent, organs, *echoes = box(volume)
    longer = organs.liver.copy()
    longer[0] = longer[2]
    assert "end inside the liver" not in said(readings.of_liver(percent, organs, *echoes, t1_correction=False))
    cut = replace(organs, liver=longer)
    assert "end inside the liver" in said(readings.of_liver(percent, cut, *echoes, t1_correction=False))
