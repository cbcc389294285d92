"""Refusals of irregular volumes, each by its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dicomnode.dicom import geometry
from dicomnode.dicom.geometry import Plane, may_still_arrive, order, plane_of, refuse
from tests.slices import GRADIENT_ECHO, volume


def planes(name: str = "v", **fields: Any) -> list[Plane]:
    made = [plane_of(header.facts) for header in volume(name, **fields)]
    assert all(isinstance(plane, Plane) for plane in made)
    return [plane for plane in made if isinstance(plane, Plane)]


def at(*heights: float) -> list[Plane]:
    """Axial slices at these heights, mm."""
    return [planes(slices=1, origin=(0.0, 0.0, height))[0] for height in heights]


def test_a_regular_volume_is_not_refused() -> None:
    assert refuse(planes()) == ""


def test_a_good_ge_volume_with_rounded_positions_is_not_refused() -> None:
    steps = [7.0, 6.96, 7.07, 7.0, 6.98, 7.03, 7.0, 6.97]
    assert refuse(at(*np.cumsum([0.0, *steps]))) == ""
    assert refuse(at(0.0, 10.0, 20.15, 30.0)) == ""


@pytest.mark.parametrize(
    ("heights", "check", "text"),
    [
        (
            (0, 5, 10, 20, 25),
            geometry.refuse_missing_slice,
            "slice missing: 1 not there, the first between positions 3 and 4 of 5 (gap 10 mm, usual 5 mm)",
        ),
        (
            (0, 5, 10, 15, 35),
            geometry.refuse_missing_slice,
            "slice missing: 3 not there, the first between positions 4 and 5 of 5 (gap 20 mm, usual 5 mm)",
        ),
        (
            (0, 14, 35, 42, 63),
            geometry.refuse_missing_slice,
            "slice missing: 5 not there, the first between positions 1 and 2 of 5 (gap 14 mm, usual 7 mm)",
        ),
        (
            (0, 5, 5, 10),
            geometry.refuse_duplicate_position,
            "duplicate position: 1 of 4 slices lie where another one lies",
        ),
        ((0, 5, 10, 16, 21), geometry.refuse_uneven_gap, "uneven gap: slices are 5 to 6 mm apart"),
        (
            (0, *(4.95 * n for n in range(1, 11)), *(49.5 + 5.05 * n for n in range(1, 11))),
            geometry.refuse_uneven_gap,
            "uneven gap: slices are 4.95 to 5.05 mm apart",
        ),
        ((0, 5), geometry.refuse_too_few, "only 2 slices: a volume needs at least 3"),
        ((0,), geometry.refuse_too_few, "only 1 slice: a volume needs at least 3"),
    ],
)
def test_refusals_along_the_normal(heights: tuple[float, ...], check: Callable[[list[Plane]], str], text: str) -> None:
    assert check(at(*heights)) == text
    assert refuse(at(*heights)) == text


def test_only_a_missing_slice_may_still_arrive() -> None:
    assert may_still_arrive(refuse(at(0, 5, 15)))
    assert not may_still_arrive(refuse(at(0, 5)))
    assert not may_still_arrive(refuse(at(0, 5, 5)))


def test_gantry_tilt_is_refused() -> None:
    tilted = planes(step=(0.0, 1.0, 5.0))
    assert refuse(tilted) == "sheared: slices shift 5 mm within their plane over the stack (11.3 degrees, gantry tilt)"


def test_mixed_orientation_is_refused() -> None:
    tipped = np.radians(3)
    other = planes(orientation=(1, 0, 0, 0, float(np.cos(tipped)), float(np.sin(tipped))))
    assert refuse([*planes()[:3], *other[3:]]) == "mixed orientation: 3 of 6 slices are turned against the first"


def test_a_rounding_of_orientation_is_no_mixture() -> None:
    rounded = planes(orientation=(1, 0, 0, 0, 0.99999, 0.0045))
    assert refuse([*planes()[:3], *rounded[3:]]) == ""


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ImagePositionPatient": None}, "no geometry: ImagePositionPatient is missing or not 3 numbers"),
        ({"ImagePositionPatient": [1.0, 2.0]}, "no geometry: ImagePositionPatient is missing or not 3 numbers"),
        ({"ImageOrientationPatient": None}, "no geometry: ImageOrientationPatient is missing or not 6 numbers"),
        (
            {"ImageOrientationPatient": [1.0, 0, 0, 1.0, 0, 0]},
            "no geometry: ImageOrientationPatient is not two perpendicular unit vectors",
        ),
        (
            {"ImageOrientationPatient": [0.0] * 6},
            "no geometry: ImageOrientationPatient is not two perpendicular unit vectors",
        ),
        ({"PixelSpacing": [1.0]}, "no geometry: PixelSpacing is missing or not 2 numbers"),
        ({"PixelSpacing": [0.0, 1.0]}, "no geometry: PixelSpacing is not positive"),
        ({"ImagePositionPatient": [0.0, 0.0, 1e300]}, "no geometry: ImagePositionPatient holds absurd values"),
        ({"Rows": None}, "no geometry: Rows or Columns is missing"),
    ],
)
def test_what_a_header_lacks_for_a_plane(change: dict[str, Any], text: str) -> None:
    facts = {
        **GRADIENT_ECHO,
        "ImagePositionPatient": [0.0, 0.0, 0.0],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        **change,
    }
    assert plane_of({keyword: value for keyword, value in facts.items() if value is not None}) == text


def test_order_follows_the_normal() -> None:
    assert order(at(10, 0, 5)) == [1, 2, 0]
    flipped = planes(orientation=(1, 0, 0, 0, -1, 0))
    assert [plane.origin[2] for plane in (flipped[n] for n in order(flipped))] == sorted(
        (plane.origin[2] for plane in flipped), reverse=True
    )
