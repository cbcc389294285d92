"""State what is unusual about a volume and no reason to refuse it: its positions are what counts."""

from __future__ import annotations

from collections.abc import Iterator

from dicomnode.dicom.physics import number
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import Geometry

_MATRIX = 4  # values of Acquisition Matrix (0018,1310), two of them 0
_SAME = 0.02
"""Fraction by which a stated distance may differ from the one that positions tell."""


def notes(facts: Facts, geometry: Geometry) -> tuple[str, ...]:
    """Where the header says other than the grid, in words."""
    return tuple(_notes(facts, geometry))


def _notes(facts: Facts, geometry: Geometry) -> Iterator[str]:
    between, (slices, rows, columns) = number(facts, "SpacingBetweenSlices"), geometry.spacing
    if between and abs(between - slices) > _SAME * slices:
        # old GE systems state the gap between slices, not the distance of their centres
        yield f"Spacing Between Slices says {between:.4g} mm, the positions are {slices:.4g} mm apart"
    if not geometry.square:
        yield f"pixels of {rows:.4g} x {columns:.4g} mm are not square"
    matrix = facts.get("AcquisitionMatrix")
    if isinstance(matrix, list) and len(matrix) == _MATRIX:
        acquired = sorted(int(size) for size in matrix if isinstance(size, (int, float)) and size > 0)
        stored = sorted(geometry.shape[1:])
        if len(acquired) == len(stored) and acquired < stored:
            yield f"interpolated: {_by(stored)} pixels from {_by(acquired)} acquired"


def _by(sizes: list[int]) -> str:
    return " x ".join(map(str, sizes))
