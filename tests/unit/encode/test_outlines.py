"""Outlines are closed, joined to their holes, and give the mask back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicomnode.encode.outlines import fill, trace

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(mask=MASKS, longest=st.sampled_from([8, 40, 10_000]))
def test_any_mask_comes_back_exactly(mask: npt.NDArray[np.bool_], longest: int) -> None:
    polygons = trace(mask, longest)
    np.testing.assert_array_equal(fill(polygons, mask.shape), mask)


def test_a_pixel_is_a_diamond_around_its_centre() -> None:
    mask = np.zeros((4, 5), bool)
    mask[2, 3] = True
    (polygon,) = trace(mask, 100)
    assert {(row, column) for row, column in polygon.tolist()} == {(1.5, 3), (2, 2.5), (2.5, 3), (2, 3.5)}


def test_a_straight_side_has_no_needless_corners() -> None:
    mask = np.zeros((20, 30), bool)
    mask[2:18, 3:28] = True
    (polygon,) = trace(mask, 100)
    assert len(polygon) == 8


def test_a_ring_is_one_polygon_and_diagonal_neighbours_are_two() -> None:
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert len(trace(ring, 100)) == 1
    assert len(trace(np.eye(2, dtype=bool), 100)) == 2


@pytest.mark.parametrize("radius", [3, 17, 60])
def test_the_area_of_a_disc_is_right(radius: int) -> None:
    y, x = np.mgrid[-70:71, -70:71]
    (polygon,) = trace(y**2 + x**2 <= radius**2, 10_000)
    row, column = polygon.T
    area = (row @ np.roll(column, -1) - column @ np.roll(row, -1)) / 2
    assert area == pytest.approx(np.pi * radius**2, rel=0.25 / radius + 0.02)


def test_a_mask_with_long_outlines_is_cut() -> None:
    checkered = np.indices((40, 40)).sum(axis=0) % 2 == 0
    polygons = trace(checkered, 200)
    assert max(map(len, polygons)) <= 300
    np.testing.assert_array_equal(fill(polygons, checkered.shape), checkered)
    bar = np.ones((40, 40), bool)
    bar[1::2, 1::2] = False
    assert len(trace(bar, 10_000)) == 1
    assert max(map(len, trace(bar, 200))) <= 300
