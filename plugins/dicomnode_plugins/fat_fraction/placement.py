"""Where a contrast-enhanced volume lies to the dual echo: moved until its signal tells most of the water signal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dicomnode.sdk import Volume
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask

Shift = tuple[float, float, float]
"""To the patient's left, back and head, mm."""

Affine = npt.NDArray[np.floating[Any]]

FARTHEST: Shift = (16.0, 16.0, 24.0)
"""What is looked for; a breath moves the liver mostly along the body."""
LEAST_INFORMATION = 0.25
"""Least :func:`shared_information` of a placement that is believed: phantoms read 0.38 to 0.59 when placed."""
LARGEST_GAP = 3.0
"""mm between the direct way to a volume and the way over another; above it neither is believed."""
_AROUND = 15.0  # mm about the liver that are compared
_POINTS = 6000
_COARSE = (8.0, 8.0, 6.0)  # mm
_FINE = (4.0, 2.0, 1.0, 0.5)  # mm
_THINNED = 3  # every n-th point in the coarse search
_SMOOTHING = 2.0  # mm
_BINS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How the patient lies in a volume against the dual echo."""

    shift: Shift
    information: float
    """:func:`shared_information` there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """Precontrast and hepatobiliary volume placed on the dual echo, each twice."""

    before: Placement
    after: Placement
    gap: float
    """Distance, mm, between the hepatobiliary volume placed directly and by way of the precontrast one."""

    @property
    def doubt(self) -> str:
        """Why the placement is not believed; empty when it is."""
        for name, placement in (("precontrast", self.before), ("hepatobiliary", self.after)):
            if placement.information < LEAST_INFORMATION:
                return f"the {name} series tells too little of the dual echo ({placement.information:.2f})"
            if any(abs(moved) > far for moved, far in zip(placement.shift, FARTHEST, strict=True)):
                return f"the patient lies too far off in the {name} series"
        return f"two ways to the hepatobiliary series end {self.gap:.1f} mm apart" if self.gap > LARGEST_GAP else ""

    @property
    def said(self) -> str:
        """How the volumes were placed, in words."""
        before, after = (float(np.linalg.norm(placement.shift)) for placement in (self.before, self.after))
        return (
            f"The precontrast series was moved by {before:.1f} mm and the hepatobiliary series by {after:.1f} mm onto "
            f"the liver of the dual echo; two ways to the latter end {self.gap:.1f} mm apart."
        )


def register(before: Volume, after: Volume, water: FloatArray, onto: Volume, liver: Mask) -> Registered:
    """Place both contrast-enhanced volumes, the later one also by way of the earlier one as a check.

    Parameters
    ----------
    before, after : Volume
        Fat-suppressed, in the frame of reference of ``onto``.
    water : (z, y, x) float32
        Water signal on the grid of ``onto``.
    liver : (z, y, x) bool
        Outline on the same grid.
    """
    earlier, later = (place(volume, water, onto, liver) for volume in (before, after))
    seen = np.nan_to_num(resampled(before, onto, earlier.shift))
    again = place(after, seen, onto, liver)
    gap = float(np.linalg.norm(np.subtract(later.shift, again.shift)))
    return Registered(before=earlier, after=later, gap=gap)


def place(moving: Volume, image: FloatArray, onto: Volume, liver: Mask) -> Placement:
    """Find the shift that lets a volume tell most of an image.

    Maximises mutual information (Viola and Wells 1997; Maes et al. 1997), which asks for no common contrast, over
    shifts in the liver and 15 mm around it: coarse to fine, always the same points, so that equal input gives equal
    results.

    Parameters
    ----------
    moving : Volume
        In the frame of reference of ``onto``.
    image : (z, y, x) float32
        On the grid of ``onto``, alike in contrast where possible: water signal for a fat-suppressed volume.
    liver : (z, y, x) bool
        Outline on the same grid.
    """
    near = ndimage.distance_transform_edt(~liver, sampling=onto.spacing) < _AROUND
    places = np.argwhere(near)
    places = places[:: max(1, len(places) // _POINTS)]
    points = places[:, ::-1] @ onto.affine[:3, :3].T + onto.affine[:3, 3]
    known = _levels(_smoothed(image, onto)[tuple(places.T)])
    smooth, to_voxel = _smoothed(moving.array, moving), np.linalg.inv(moving.affine)
    inside = _sampled(smooth, to_voxel, points)
    limits = tuple(np.percentile(inside, (1, 99)))

    def information(shift: Shift, every: int = 1) -> float:
        seen = _sampled(smooth, to_voxel, points[::every] + shift)
        return shared_information(known[::every], _levels(seen, limits))

    shift = _best(_around((0.0, 0.0, 0.0), FARTHEST, _COARSE), lambda s: information(s, _THINNED))
    for width in _FINE:
        for _ in range(2):
            shift = _best(_around(shift, (width,) * 3, (width,) * 3), information)
    return Placement(shift=shift, information=information(shift))


def shared_information(one: npt.NDArray[np.intp], other: npt.NDArray[np.intp]) -> float:
    """Mutual information of two sets of levels over the smaller entropy: 0 unrelated, 1 one tells the other."""
    joint = np.bincount(one * _BINS + other, minlength=_BINS**2).reshape(_BINS, _BINS) / len(one)
    apart = [_entropy(joint.sum(axis)) for axis in (0, 1)]
    return float((sum(apart) - _entropy(joint)) / max(min(apart), 1e-9))


def resampled(moving: Volume, onto: Volume, shift: Shift = (0.0, 0.0, 0.0)) -> FloatArray:
    """A volume on the grid of another by linear interpolation in patient coordinates; NaN outside it.

    Parameters
    ----------
    shift : (left, back, head)
        Of the patient in ``moving`` against ``onto``, mm.
    """
    moved = np.eye(4)
    moved[:3, 3] = shift
    between = np.linalg.inv(moving.affine) @ moved @ onto.affine
    # From (x, y, z) order of affines to (z, y, x) order of arrays.
    matrix, offset = between[2::-1, 2::-1], between[2::-1, 3]
    image: FloatArray = ndimage.affine_transform(
        moving.array, matrix, offset, onto.array.shape, order=1, mode="constant", cval=np.nan
    )
    return image


def _around(middle: Shift, far: Shift, step: Shift) -> Iterable[Shift]:
    ways = (np.arange(-f, f + s / 2, s) + m for m, f, s in zip(middle, far, step, strict=True))
    return ((float(left), float(back), float(head)) for left, back, head in itertools.product(*ways))


def _best(shifts: Iterable[Shift], information: Callable[[Shift], float]) -> Shift:
    return max(shifts, key=information)


def _levels(values: FloatArray, limits: tuple[float, ...] | None = None) -> npt.NDArray[np.intp]:
    low, high = np.percentile(values, (1, 99)) if limits is None else limits
    scaled = (values - low) * (_BINS / max(high - low, 1e-6))
    return np.clip(scaled, 0, _BINS - 1).astype(np.intp)


def _entropy(shares: npt.NDArray[np.float64]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())


def _smoothed(image: FloatArray, grid: Volume) -> FloatArray:
    """In steps finer than the smoothing only; thick slices stay as they are."""
    widths = [_SMOOTHING / side if side < 2 * _SMOOTHING else 0.0 for side in grid.spacing]
    smooth: FloatArray = ndimage.gaussian_filter(image, widths)
    return smooth


def _sampled(image: FloatArray, to_voxel: Affine, points: npt.NDArray[Any]) -> FloatArray:
    voxels = points @ to_voxel[:3, :3].T + to_voxel[:3, 3]
    values: FloatArray = ndimage.map_coordinates(image, voxels.T[::-1], order=1, mode="nearest")
    return values
