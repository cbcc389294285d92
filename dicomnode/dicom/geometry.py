"""The grid that slices form in the patient, and a refusal in words where they form none (PS3.3 C.7.6.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
import numpy.typing as npt

from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import Geometry, Vector

FEWEST_SLICES = 3
ORIENTATION_TOLERANCE = 0.5
"""Degrees by which rows, columns or normals of slices of one volume may differ."""
GAP_TOLERANCE = 0.02
"""Fraction of the slice distance by which a step may differ: a good GE volume has steps of 6.96 to 7.07 mm."""
LEAST_TOLERANCE = 0.1
"""Millimetres by which a step may differ however thin the slices: positions are written rounded."""
SHEAR_TOLERANCE = 1.0
"""Degrees between the normal and the line through the slice centres."""
MISSING_SLICE = "slice missing"
"""How the refusal begins that a late instance may still mend."""

_FARTHEST = 1e5  # mm

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """Where one slice lies."""

    origin: Vector
    row: Vector
    column: Vector
    spacing: tuple[float, float]
    """Between rows and between columns, mm."""
    size: tuple[int, int]
    """Rows and columns."""

    @property
    def normal(self) -> Array:
        """Row times column: the right-handed unit normal."""
        normal: Array = np.cross(self.row, self.column)
        return normal / np.linalg.norm(normal)


def plane_of(facts: Facts) -> Plane | str:
    """The plane of one image, or in words what its header lacks for one."""
    needed = {
        "ImagePositionPatient": 3,
        "ImageOrientationPatient": 6,
        "PixelSpacing": 2,
    }
    vectors: dict[str, list[float]] = {}
    for keyword, count in needed.items():
        value = facts.get(keyword)
        if not isinstance(value, list) or len(value) != count:
            return f"no geometry: {keyword} is missing or not {count} numbers"
        vectors[keyword] = [float(number) for number in value]
        if max(map(abs, vectors[keyword])) > _FARTHEST:
            return f"no geometry: {keyword} holds absurd values"
    rows, columns = facts.get("Rows"), facts.get("Columns")
    if not (isinstance(rows, int) and isinstance(columns, int) and rows > 0 and columns > 0):
        return "no geometry: Rows or Columns is missing"
    if min(vectors["PixelSpacing"]) <= 0:
        return "no geometry: PixelSpacing is not positive"
    row, column = np.array(vectors["ImageOrientationPatient"][:3]), np.array(vectors["ImageOrientationPatient"][3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not all(0.99 < length < 1.01 for length in lengths) or abs(row @ column) > 0.01:
        return "no geometry: ImageOrientationPatient is not two perpendicular unit vectors"
    return Plane(
        origin=_vector(np.array(vectors["ImagePositionPatient"])),
        row=_vector(row / lengths[0]),
        column=_vector(column / lengths[1]),
        spacing=(vectors["PixelSpacing"][0], vectors["PixelSpacing"][1]),
        size=(rows, columns),
    )


def order(planes: Sequence[Plane]) -> list[int]:
    """Indices of planes by position along the normal of the first; the header's slice numbers play no part."""
    normal = planes[0].normal
    return sorted(range(len(planes)), key=lambda n: (float(normal @ planes[n].origin), planes[n].origin))


def refuse(planes: Sequence[Plane]) -> str:
    """Why ordered planes form no regular volume; empty when they do."""
    return (
        refuse_mixed_orientation(planes)
        or refuse_duplicate_position(planes)
        or refuse_too_few(planes)
        or refuse_missing_slice(planes)
        or refuse_uneven_gap(planes)
        or refuse_shear(planes)
    )


def refuse_mixed_orientation(planes: Sequence[Plane]) -> str:
    """Planes must be parallel and turned alike."""
    first = planes[0]
    differing = sum(not parallel(first, plane) for plane in planes)
    return f"mixed orientation: {differing} of {len(planes)} slices are turned against the first" if differing else ""


def refuse_duplicate_position(planes: Sequence[Plane]) -> str:
    """No two slices may lie at one place."""
    closest = _closest(planes)
    twice = sum(step < closest for step in _steps(planes))
    return f"duplicate position: {twice} of {len(planes)} slices lie where another one lies" if twice else ""


def refuse_too_few(planes: Sequence[Plane]) -> str:
    """One or two slices show no regular distance."""
    count = len(planes)
    if count >= FEWEST_SLICES:
        return ""
    return f"only {count} slice{'s' if count > 1 else ''}: a volume needs at least {FEWEST_SLICES}"


def refuse_missing_slice(planes: Sequence[Plane]) -> str:
    """Where all steps are multiples of the smallest, the larger ones are slices that are not there (yet)."""
    steps = _steps(planes)
    usual = min(steps)
    multiples = [round(step / usual) for step in steps]
    whole = all(abs(step - usual * n) <= _tolerance(usual) * n for step, n in zip(steps, multiples, strict=True))
    if not whole or max(multiples) == 1:
        return ""
    first = next(n for n, multiple in enumerate(multiples) if multiple > 1)
    return (
        f"{MISSING_SLICE}: {sum(multiples) - len(steps)} not there, the first between positions {first + 1} and "
        f"{first + 2} of {len(planes)} (gap {steps[first]:.4g} mm, usual {usual:.4g} mm)"
    )


def refuse_uneven_gap(planes: Sequence[Plane]) -> str:
    """Steps must be equal within what rounding of positions explains, and must not drift."""
    steps = _steps(planes)
    usual = median(steps)
    regular = sum(steps) / len(steps)
    drift = max(abs(sum(steps[:n]) - n * regular) for n in range(len(steps)))
    if max(abs(step - usual) for step in steps) <= _tolerance(usual) and drift <= 2 * _tolerance(usual):
        return ""
    return f"uneven gap: slices are {min(steps):.4g} to {max(steps):.4g} mm apart"


def refuse_shear(planes: Sequence[Plane]) -> str:
    """The line through the slice corners must run along the normal: no gantry tilt."""
    travel = np.array(planes[-1].origin) - np.array(planes[0].origin)
    along = float(planes[0].normal @ travel)
    aside = float(np.linalg.norm(travel - along * planes[0].normal))
    angle = float(np.degrees(np.arctan2(aside, along)))
    if angle <= SHEAR_TOLERANCE:
        return ""
    return f"sheared: slices shift {aside:.3g} mm within their plane over the stack ({angle:.1f} degrees, gantry tilt)"


def may_still_arrive(refusal: str) -> bool:
    """Whether a late instance can mend what was refused."""
    return refusal.startswith(MISSING_SLICE)


def geometry_of(planes: Sequence[Plane]) -> Geometry:
    """The grid of ordered planes that :func:`refuse` finds nothing against."""
    first, last = planes[0], planes[-1]
    between = float(first.normal @ (np.array(last.origin) - np.array(first.origin))) / (len(planes) - 1)
    return Geometry(
        shape=(len(planes), *first.size),
        origin=first.origin,
        spacing=(between, *first.spacing),
        row=first.row,
        column=first.column,
        normal=_vector(first.normal),
    )


def parallel(a: Plane, b: Plane) -> bool:
    """Whether two planes share the directions of their rows and columns."""
    least = float(np.cos(np.radians(ORIENTATION_TOLERANCE)))
    return float(np.dot(a.row, b.row)) >= least and float(np.dot(a.column, b.column)) >= least


def _steps(planes: Sequence[Plane]) -> list[float]:
    normal = planes[0].normal
    return [float(normal @ (np.array(after.origin) - np.array(before.origin))) for before, after in pairwise(planes)]


def _closest(planes: Sequence[Plane]) -> float:
    """Slices nearer than this lie at one place: far below any slice distance, above any rounding."""
    steps = sorted(_steps(planes))
    return min(LEAST_TOLERANCE, 0.1 * steps[-1]) if steps and steps[-1] > 0.01 else 0.01


def _tolerance(usual: float) -> float:
    return max(min(LEAST_TOLERANCE, 0.25 * usual), GAP_TOLERANCE * usual)


def _vector(array: Array) -> Vector:
    x, y, z = (float(value) for value in array)
    return x, y, z
