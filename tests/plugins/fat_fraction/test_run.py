"""What the plugin finds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from dicomnode.demo.phantom import Exam
from dicomnode.sdk import Case, DerivedImage, QualitativeEvaluation, SecondaryCapture, Segmentation, Volume
from dicomnode_plugins.fat_fraction import SPEC, codes, gray, organs
from dicomnode_plugins.fat_fraction.readings import BODY, LIVER, REST, RIM, SPLEEN
from dicomnode_plugins.fat_fraction.run import run
from tests.plugins.fat_fraction.exams import SMALL, Steps, body, case, findings, numbers, percent, segment


def turned(volume: Volume, axes: tuple[int, int, int], flips: tuple[int, ...]) -> Volume:
    """The same volume with its array axes in another order and some of them reversed."""
    array = np.transpose(volume.array, axes)
    # Column n of the affine belongs to array axis 2 - n.
    affine = volume.affine.copy()
    for new, old in enumerate(axes):
        affine[:, 2 - new] = volume.affine[:, 2 - old]
    for axis in flips:
        affine[:, 3] += affine[:, 2 - axis] * (array.shape[axis] - 1)
        affine[:, 2 - axis] *= -1
    return replace(volume, array=np.ascontiguousarray(np.flip(array, flips)), affine=affine)


def test_the_findings_are_those_the_specification_declares() -> None:
    given, _ = case(Exam(shape=SMALL))
    found = findings(given)
    assert {type(finding).__name__ for finding in found} == set(SPEC.produces)
    picture, page = (finding for finding in found if isinstance(finding, SecondaryCapture))
    assert picture.frames.shape == (*SMALL, 3)
    assert (picture.on, page.on) == ("in_phase", "")
    (image,) = (finding for finding in found if isinstance(finding, DerivedImage))
    values = percent(found)
    assert np.array_equal(image.array == gray.NO_VALUE, np.isnan(values))
    assert np.allclose(image.array[~np.isnan(values)], np.clip(values[~np.isnan(values)], -99, 100))
    (outline,) = (finding for finding in found if isinstance(finding, Segmentation))
    assert [segment.label for segment in outline.segments] == [LIVER, RIM, REST, SPLEEN]


def test_the_statistics_are_those_of_the_map() -> None:
    given, _ = case(Exam(shape=SMALL))
    found = findings(given)
    view = organs.search(given.volume("in_phase"), given.volume("opposed_phase"), body(given))
    assert np.array_equal(view.core, segment(found, LIVER))
    assert np.array_equal(view.liver, segment(found, LIVER) | segment(found, RIM))
    inside = percent(found)[view.core]
    values = inside[~np.isnan(inside)].astype(float)
    said = numbers(found)
    spleen = np.nanmedian(percent(found)[segment(found, SPLEEN)].astype(float))
    assert numbers(found, SPLEEN)["Median"] == pytest.approx(spleen)
    assert said["Mean"] == pytest.approx(values.mean())
    assert said["Median"] == pytest.approx(np.median(values))
    assert said["Standard Deviation"] == pytest.approx(values.std())
    assert said["Volume"] == pytest.approx(segment(found, LIVER).sum() * 15 * 3 * 3 / 1000)
    assert said[codes.MEASURABLE.meaning] == pytest.approx(100 * values.size / inside.size)
    assert np.isnan(percent(found)[~body(given)]).all()


def test_what_a_reader_must_know_is_said() -> None:
    given, _ = case(Exam(shape=SMALL))
    said = [
        (finding.name, str(finding.value)) for finding in findings(given) if isinstance(finding, QualitativeEvaluation)
    ]
    texts = " ".join(text for _, text in said)
    assert (codes.METHOD, "Dual-echo signal fat fraction, 50 (IP - OP) / IP; not a proton density fat fraction") in said
    assert any(name == codes.NOISE_SOURCE and "Rayleigh" in text for name, text in said)
    for words in ("T2* is not corrected", "a proposal that a person must confirm"):
        assert words in texts
    assert "before the opposed one" not in texts


def test_an_in_phase_echo_before_the_opposed_one_is_said() -> None:
    given, _ = case(Exam(shape=SMALL, field_strength=3.0))
    opposed = given.volume("opposed_phase")
    late = replace(opposed, acquisition={**opposed.acquisition, "EchoTime": 3.45})
    found = findings(replace(given, volumes={**given.volumes, "opposed_phase": late}))
    assert any("before the opposed one" in str(f.value) for f in found if isinstance(f, QualitativeEvaluation))


def test_the_same_case_gives_the_same_findings() -> None:
    one, other = (findings(case(Exam(shape=SMALL))[0]) for _ in range(2))
    assert np.array_equal(percent(one), percent(other), equal_nan=True)
    assert np.array_equal(segment(one, LIVER), segment(other, LIVER))
    assert numbers(one) == numbers(other)
    assert [f.frames.tobytes() for f in one if isinstance(f, SecondaryCapture)] == [
        f.frames.tobytes() for f in other if isinstance(f, SecondaryCapture)
    ]


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("flips", [(), (0,), (1, 2)], ids=str)
def test_the_orientation_of_the_grid_does_not_matter(axes: tuple[int, int, int], flips: tuple[int, ...]) -> None:
    upright, _ = case(Exam(shape=(12, 60, 80)))
    given = Case(
        volumes={role: turned(volume, axes, flips) for role, volume in upright.volumes.items()},
        parameters=upright.parameters,
    )
    found, expected = findings(given), findings(upright)
    assert numbers(found, BODY)
    assert numbers(found, BODY) == pytest.approx(numbers(expected, BODY), rel=1e-4)
    back = np.transpose(np.flip(percent(found), flips), np.argsort(axes))
    different = np.isnan(back) != np.isnan(percent(expected))
    assert different.mean() < 1e-4
    both = ~np.isnan(back) & ~np.isnan(percent(expected))
    assert np.array_equal(back[both], percent(expected)[both])


def test_progress_rises() -> None:
    steps = Steps()
    given, _ = case(Exam(shape=SMALL))
    run(given, steps)
    fractions = [fraction for fraction, _ in steps.told]
    assert fractions == sorted(fractions)
    assert len(fractions) == 5


def test_the_inputs_are_left_alone() -> None:
    given, _ = case(Exam(shape=SMALL))
    before = {role: volume.array.copy() for role, volume in given.volumes.items()}
    findings(given)
    assert all(np.array_equal(before[role], volume.array) for role, volume in given.volumes.items())
