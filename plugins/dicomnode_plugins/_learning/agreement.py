"""How well two outlines of one thing agree: overlap, distances of their surfaces, means over cases with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]

_FAR = 95  # per cent
_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two outlines of one thing, as Metrics Reloaded (Maier-Hein 2024) defines the measures."""

    dice: float
    """DSC: twice the voxels of both over those of either, 0 to 1."""
    mean_distance: float
    """ASSD: mean over every voxel of both surfaces of the distance to the other surface, mm."""
    far_distance: float
    """HD95: within it lie 95 % of each surface from the other one, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Mean over cases with its 95 % interval, by drawing the cases again (percentile bootstrap)."""

    value: float
    low: float
    high: float


def dice(one: Mask, other: Mask) -> float:
    """DSC of two masks (z, y, x).

    Raises
    ------
    ValueError
        When they differ in shape, or both are empty: there is nothing to agree about.
    """
    _same_grid(one, other)
    together = int(one.sum()) + int(other.sum())
    if not together:
        raise ValueError("both outlines are empty")
    return 2 * int((one & other).sum()) / together


def agreement(one: Mask, other: Mask, spacing: Spacing) -> Agreement:
    """Every measure of two masks (z, y, x).

    Parameters
    ----------
    spacing : (z, y, x)
        Distance of voxels, mm.

    Raises
    ------
    ValueError
        When they differ in shape, or one is empty: nothing is at any distance from nothing.
    """
    overlap = dice(one, other)
    if not one.any() or not other.any():
        raise ValueError("one outline is empty: its surface has no distance")
    there, back = _distances(one, other, spacing), _distances(other, one, spacing)
    return Agreement(
        dice=overlap,
        mean_distance=float(np.concatenate([there, back]).mean()),
        far_distance=float(max(np.percentile(there, _FAR), np.percentile(back, _FAR))),
    )


def surface(mask: Mask) -> Mask:
    """Voxels of a mask with a neighbour across a face that is not of it; beyond the grid nothing is."""
    inner: Mask = ndimage.binary_erosion(mask)
    return mask & ~inner


def mean(values: npt.NDArray[np.float64], seed: int = 0) -> Mean:
    """Mean of one measure (n,) over cases.

    Raises
    ------
    ValueError
        For fewer than two cases, or one that is no number.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        raise ValueError("two cases at least, each with a finite value, are needed")
    chosen = np.random.default_rng(seed).integers(0, len(values), (_DRAWS, len(values)))
    low, high = np.quantile(values[chosen].mean(1), (0.025, 0.975))
    return Mean(value=float(values.mean()), low=float(low), high=float(high))


def _same_grid(one: Mask, other: Mask) -> None:
    if one.shape != other.shape:
        raise ValueError(f"outlines on grids of {one.shape} and {other.shape} voxels")


def _distances(one: Mask, other: Mask, spacing: Spacing) -> npt.NDArray[np.float64]:
    """Of each surface voxel of one to the nearest of the other, mm."""
    away: npt.NDArray[np.float64] = ndimage.distance_transform_edt(~surface(other), sampling=spacing)
    return away[surface(one)]
