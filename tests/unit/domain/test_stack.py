"""Geometry: voxel indices to patient millimetres, and how far two grids are apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.domain.stack import Geometry, Vector
from tests.builders import AXIAL, CORONAL, SAGITTAL, grid

angles = st.floats(-math.pi, math.pi)
sizes = st.integers(1, 40)
lengths = st.floats(0.1, 20.0)
places = st.floats(-500.0, 500.0)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    a, b, c = draw(angles), draw(angles), draw(angles)
    about_z = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(c), -math.sin(c)], [0, math.sin(c), math.cos(c)]])
    rotation = about_z @ about_y @ about_x
    return grid(
        (draw(sizes), draw(sizes), draw(sizes)),
        origin=(draw(places), draw(places), draw(places)),
        spacing=(draw(lengths), draw(lengths), draw(lengths)),
        orientation=(_vector(rotation[:, 0]), _vector(rotation[:, 1])),
    )


def _vector(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z


@pytest.mark.parametrize(
    ("orientation", "last_voxel"),
    [
        # Index (i, j, k) = (19, 15, 3) walks along x, y, z; along x, -z, y; along y, -z, -x.
        (AXIAL, (-30 + 19 * 1.5, -40 + 15 * 2.0, 10 + 3 * 5.0)),
        (CORONAL, (-30 + 19 * 1.5, -40 + 3 * 5.0, 10 - 15 * 2.0)),
        (SAGITTAL, (-30 - 3 * 5.0, -40 + 19 * 1.5, 10 - 15 * 2.0)),
    ],
)
def test_the_affine_places_the_last_voxel(orientation: tuple[Vector, Vector], last_voxel: Vector) -> None:
    geometry = grid((4, 16, 20), orientation=orientation)
    assert np.asarray(geometry.affine()) @ (19, 15, 3, 1) == pytest.approx((*last_voxel, 1.0))


@given(geometries())
def test_columns_of_the_affine_are_as_long_as_the_voxel(geometry: Geometry) -> None:
    affine = np.asarray(geometry.affine())
    slices, rows, columns = geometry.spacing
    assert np.linalg.norm(affine[:3, :3], axis=0) == pytest.approx((columns, rows, slices))
    assert np.linalg.det(affine[:3, :3]) == pytest.approx(slices * rows * columns)
    assert tuple(affine[:3, 3]) == geometry.origin


@given(geometries())
def test_the_corners_bound_every_voxel(geometry: Geometry) -> None:
    corners = np.array(geometry.corners())
    assert tuple(corners[0]) == pytest.approx(geometry.origin)
    assert len(corners) == 8
    slices, rows, columns = (n - 1 for n in geometry.shape)
    last = np.asarray(geometry.affine()) @ (columns, rows, slices, 1)
    assert corners[-1] == pytest.approx(last[:3], abs=1e-9)
    middle = np.asarray(geometry.affine()) @ (columns / 2, rows / 2, slices / 2, 1)
    assert corners.mean(axis=0) == pytest.approx(middle[:3], abs=1e-9)


@given(geometries())
def test_a_grid_is_no_distance_from_itself(geometry: Geometry) -> None:
    assert geometry.farthest_corner(geometry) == 0.0


def test_a_shift_moves_every_corner_and_a_stretch_the_farthest() -> None:
    here = grid((4, 16, 20))
    assert here.farthest_corner(grid((4, 16, 20), origin=(-27.0, -36.0, 10.0))) == pytest.approx(5.0)
    assert here.farthest_corner(grid((4, 16, 20), spacing=(5.5, 2.0, 1.5))) == pytest.approx(3 * 0.5)


def test_grids_of_other_shape_have_more_than_their_corners_apart() -> None:
    # Equal shape is the caller's promise; corners alone cannot tell one slice of 2 x 2 from one of 3 x 3 half as fine.
    assert grid((1, 2, 2), spacing=(1, 2, 2)).farthest_corner(grid((1, 3, 3), spacing=(1, 1, 1))) == 0.0
