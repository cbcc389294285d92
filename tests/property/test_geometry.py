"""Any orientation, any order: landmarks keep their place in the patient."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.dicom.stacks import stacks
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Geometry
from tests.slices import volume

Array = npt.NDArray[np.float64]

ORIENTATIONS = [
    (np.eye(3)[list(axes)] * np.array(signs)[:, None])
    for axes in itertools.permutations(range(3))
    for signs in itertools.product((1.0, -1.0), repeat=3)
]
"""The 48 ways in which rows, columns and slices can follow the axes of the patient."""


def turned(directions: Array, angles: tuple[float, float, float]) -> Array:
    """Directions (one a row) after turns about x, y and z, radians."""
    a, b, c = angles
    x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    result: Array = directions @ (z @ y @ x).T
    return result


def slices(directions: Array, count: int, gap: float, origin: tuple[float, float, float]) -> list[InstanceHeader]:
    """A volume acquired along the third direction, positions rounded as scanners write them."""
    row, column, along = directions
    made = volume("1.9", slices=count, origin=origin, orientation=(*row, *column), step=gap * along)
    for header in made:
        position: Any = header.facts["ImagePositionPatient"]
        position[:] = [round(value, 4) for value in position]
    return made


def place_of(header: InstanceHeader, row: int, column: int) -> Array:
    """PS3.3 equation C.7.6.2.1-1 on the header itself."""
    facts = header.facts
    position, orientation, spacing = (
        np.array(facts[keyword], dtype=np.float64)
        for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    )
    place: Array = position + orientation[:3] * spacing[1] * column + orientation[3:] * spacing[0] * row
    return place


def check_landmarks(headers: list[InstanceHeader], shuffled: list[InstanceHeader], seed: int) -> None:
    (stack,) = stacks(shuffled)
    assert stack.refusal == ""
    geometry = stack.geometry
    assert geometry is not None
    affine = np.array(geometry.affine())
    assert np.linalg.det(affine[:3, :3]) > 0
    random = np.random.default_rng(seed)
    for _ in range(20):
        header = headers[random.integers(len(headers))]
        row, column = (int(value) for value in random.integers((8, 10)))
        index = stack.instances.index(header.sop_instance_uid)
        world = place_of(header, row, column)
        np.testing.assert_allclose((affine @ (column, row, index, 1))[:3], world, atol=0.1)
        np.testing.assert_allclose(
            (np.linalg.inv(affine) @ (*world, 1))[:3] * geometry.spacing[::-1],
            np.array((column, row, index)) * geometry.spacing[::-1],
            atol=0.1,
        )


@pytest.mark.parametrize("directions", ORIENTATIONS)
@pytest.mark.parametrize("oblique", [(0.0, 0.0, 0.0), (0.3, -0.2, 0.7)], ids=["straight", "oblique"])
def test_landmarks_in_all_48_orientations(directions: Array, oblique: tuple[float, float, float]) -> None:
    headers = slices(turned(directions, oblique), 7, 3.3, (-101.5, 42.25, 7.125))
    shuffled = [headers[n] for n in np.random.default_rng(0).permutation(len(headers))]
    for order in (headers, headers[::-1], shuffled):
        check_landmarks(headers, order, seed=1)


@given(
    st.sampled_from(ORIENTATIONS),
    st.tuples(*[st.floats(-math.pi, math.pi)] * 3),
    st.integers(3, 40),
    st.floats(0.4, 12.0),
    st.tuples(*[st.floats(-400, 400)] * 3),
    st.randoms(use_true_random=False),
)
def test_landmarks_anywhere(
    directions: Array,
    angles: tuple[float, float, float],
    count: int,
    gap: float,
    origin: tuple[float, float, float],
    random: Random,
) -> None:
    headers = slices(turned(directions, angles), count, gap, origin)
    shuffled = list(headers)
    random.shuffle(shuffled)
    check_landmarks(headers, shuffled, seed=count)


@given(
    st.lists(st.integers(5, 300).map(lambda tenths: tenths / 10), min_size=2, max_size=4, unique=True),
    st.permutations(range(24)),
)
def test_interleaved_echoes_of_one_series_split_whatever_the_order(echoes: list[float], order: list[int]) -> None:
    volumes = [volume(f"1.9.{n}", EchoTime=echo) for n, echo in enumerate(echoes)]
    everything = [header for group in zip(*volumes, strict=True) for header in group]
    shuffled = [everything[n] for n in order if n < len(everything)]
    found = stacks(shuffled)
    assert [stack.facts["EchoTime"] for stack in found] == sorted(echoes)
    assert all(stack.geometry is not None and len(stack.instances) == 6 for stack in found)
    assert found == stacks(everything)


@given(st.data())
def test_taking_slices_away_never_gives_another_regular_volume(data: st.DataObject) -> None:
    headers = volume("1.9", slices=12)
    gone = data.draw(st.sets(st.integers(1, 10), min_size=1, max_size=6))
    (stack,) = stacks([header for n, header in enumerate(headers) if n not in gone])
    kept = [n for n in range(12) if n not in gone]
    steps = {after - before for before, after in itertools.pairwise(kept)}
    assert (stack.geometry is None) == (len(steps) > 1)
    assert stack.refusal.startswith("slice missing") or 1 not in steps


def test_geometry_of_one_corner() -> None:
    (stack,) = stacks(volume("1.9"))
    assert isinstance(stack.geometry, Geometry)
    assert stack.geometry.corners()[-1] == pytest.approx((-30 + 9 * 1.5, -40 + 7 * 2.0, 10 + 5 * 5.0))
