from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicomnode_plugins._learning.agreement import Mask, Spacing, agreement, dice, mean, surface

SHAPE = (3, 4, 5)
MASKS = arrays(np.bool_, SHAPE)
SPACINGS = st.tuples(*[st.floats(0.2, 5.0)] * 3)


def on_surface(mask: Mask) -> np.ndarray:
    """Places of the surface voxels, one by one."""
    padded = np.pad(mask, 1)
    found = []
    for place in np.argwhere(mask):
        z, y, x = place + 1
        beside = [padded[z + a, y + b, x + c] for a, b, c in np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)])]
        if not all(beside):
            found.append(place)
    return np.array(found)


@settings(max_examples=60, deadline=None)
@given(MASKS, MASKS, SPACINGS)
def test_every_measure_is_what_all_pairs_of_voxels_say(one: Mask, other: Mask, spacing: Spacing) -> None:
    assume(one.any() and other.any())
    found = agreement(one, other, spacing)
    pairs = (on_surface(one)[:, None] - on_surface(other)[None]) * np.array(spacing)
    apart = np.sqrt((pairs**2).sum(-1))
    there, back = apart.min(1), apart.min(0)
    assert found.dice == pytest.approx(2 * len(set(_places(one)) & set(_places(other))) / (one.sum() + other.sum()))
    assert found.mean_distance == pytest.approx((there.sum() + back.sum()) / (len(there) + len(back)))
    assert found.far_distance == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
    again = agreement(other, one, spacing)
    assert (again.dice, again.far_distance) == (found.dice, found.far_distance)
    assert again.mean_distance == pytest.approx(found.mean_distance)
    assert agreement(one, one, spacing).mean_distance == 0.0


def _places(mask: Mask) -> list[tuple[int, ...]]:
    return [tuple(place) for place in np.argwhere(mask).tolist()]


def test_a_cube_moved_by_one_slice() -> None:
    one = np.zeros((8, 8, 8), bool)
    one[2:5, 2:5, 2:5] = True
    found = agreement(one, np.roll(one, 1, axis=0), (3.0, 1.0, 1.0))
    assert found.dice == pytest.approx(2 / 3)
    assert found.far_distance == 3.0
    assert int(surface(one).sum()) == 26


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (np.zeros(SHAPE, bool), np.zeros(SHAPE, bool), "both outlines are empty"),
        (np.ones(SHAPE, bool), np.zeros(SHAPE, bool), "one outline is empty"),
        (np.ones(SHAPE, bool), np.ones((3, 4, 6), bool), r"grids of \(3, 4, 5\) and \(3, 4, 6\) voxels"),
    ],
)
def test_what_cannot_be_compared_is_said(one: Mask, other: Mask, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        agreement(one, other, (1.0, 1.0, 1.0))
    if one.any() and one.shape == other.shape:
        assert dice(one, other) == 0.0


def test_a_mean_lies_in_its_interval_which_narrows_with_more_cases() -> None:
    values = np.random.default_rng(1).normal(0.8, 0.1, 400)
    few, many = mean(values[:25]), mean(values)
    assert few.low < few.value < few.high
    assert many.value == pytest.approx(values.mean())
    # the interval of a mean: 1.96 standard errors either way
    assert many.high - many.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert (few.high - few.low) > 2 * (many.high - many.low)
    assert mean(values) == many
    with pytest.raises(ValueError, match="two cases at least"):
        mean(np.array([0.5]))
    with pytest.raises(ValueError, match="finite"):
        mean(np.array([0.5, np.nan]))
