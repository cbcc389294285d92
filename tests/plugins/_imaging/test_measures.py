"""Both measures of likeness: their derivatives are those of their values, and their maximum is where it should be."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from benchmarks.fusion import pairs
from dicomnode_plugins._imaging.grids import Image, foreground, inside, shrink
from dicomnode_plugins._imaging.local_correlation import LocalCorrelation
from dicomnode_plugins._imaging.mutual_information import MutualInformation
from dicomnode_plugins._imaging.pose import RIGID, matrix


@cache
def images() -> tuple[Image, Image, np.ndarray]:
    """A pair in the same place, and its pivot."""
    pair = pairs.make("philips", 3, degrees=0, millimetres=0, step=2)
    inner, outer = shrink(Image.of(pair.mrn), 3.0), shrink(Image.of(pair.t1), 3.0)
    return inner, outer, inner.centre


def information(**options: bool) -> MutualInformation:
    inner, outer, pivot = images()
    return MutualInformation(inner, outer, pivot, foreground(inner), 20000, **options)


def correlation(**options: bool) -> LocalCorrelation:
    inner, outer, pivot = images()
    return LocalCorrelation(inner, outer, pivot, inside(inner, 12.0), 800, **options)


def test_the_gradient_of_the_information_is_its_change() -> None:
    measure = information()
    there = matrix(np.full(RIGID, 1.3))
    _, gradient, share = measure(there)
    assert 0.9 < share <= 1
    for cell in ((0, 3), (2, 3)):  # along these no point crosses the border, where the value jumps
        step = np.zeros((3, 4))
        step[cell] = 0.05
        change = (measure(there + step)[0] - measure(there - step)[0]) / 0.1
        assert gradient[cell] == pytest.approx(change, rel=0.1, abs=2e-5)


@pytest.mark.parametrize("axis", range(RIGID))
def test_a_start_away_from_the_truth_climbs_back(axis: int) -> None:
    start = np.zeros(RIGID)
    start[axis] = 6.0
    assert np.abs(information().climb(start, 30)).max() < 1.0


def test_local_correlation_is_sharper() -> None:
    measure = correlation()
    pose = measure.climb(np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]), 12)
    assert np.abs(pose).max() < 0.3
    assert measure.score(pose) > measure.score(np.full(RIGID, 2.0)) + 0.05


def test_the_slope_of_the_correlation_is_half_its_change() -> None:
    measure = correlation()
    pose = np.full(RIGID, 0.8)
    fit = measure.fit(pose)
    kept = np.isfinite(fit.square)
    for axis in range(RIGID):
        step = np.zeros(RIGID)
        step[axis] = 0.02
        change = (measure.squares(pose + step) - measure.squares(pose - step))[kept] / 0.04
        assert 2 * fit.uphill[kept, axis].mean() == pytest.approx(
            (change * fit.square[kept]).mean(), rel=0.15, abs=2e-3
        )


def test_one_mirrored_twice_is_itself() -> None:
    inner, outer, pivot = images()
    turned = Image(values=inner.values[:, :, ::-1].copy(), affine=inner.affine)
    plain, mirrored = information(), MutualInformation(turned, outer, pivot, foreground(turned), 20000, mirrored=True)
    assert mirrored(np.eye(3, 4))[0] == pytest.approx(plain(np.eye(3, 4))[0], abs=0.01)


def test_nothing_in_common_is_no_information() -> None:
    far = np.eye(3, 4)
    far[0, 3] = 1000.0
    assert information()(far)[0] == 0.0
    assert correlation().score(np.array([0, 0, 0, 1000.0, 0, 0])) == 0.0
