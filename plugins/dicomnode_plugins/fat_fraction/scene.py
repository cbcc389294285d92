"""What the search for organs sees: both echoes in axial planes around the body, smoothed, with their edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dicomnode_plugins.fat_fraction import morphology
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Spacing

_SMOOTHING = 2.0  # mm, standard deviation
_FAT_SHELL = (3.0, 12.0)  # mm below the skin


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """Both echoes cut to the body; (z, y, x) arrays towards head, back and left."""

    in_phase: FloatArray
    opposed: FloatArray
    body: Mask
    spacing: Spacing
    edges: FloatArray
    """Larger relative gradient of the two echoes in the plane, 1/mm: the opposed one draws fat-water borders black."""
    log_in_phase: FloatArray
    log_opposed: FloatArray
    """Logarithm of the smoothed signal."""
    under_skin: FloatArray
    """Depth in the body, mm."""
    fat: float
    """In-phase signal of fat below the skin."""
    fat_opposed: float
    """Opposed-phase signal of fat below the skin."""
    left: FloatArray
    """Distance to the patient's left of the body's middle, mm; broadcasts along columns."""
    behind: FloatArray
    """Distance behind the body's middle, mm; broadcasts along rows."""

    @property
    def millilitre(self) -> float:
        """Voxels in one millilitre."""
        return 1000 / float(np.prod(self.spacing))


def look(in_phase: FloatArray, opposed: FloatArray, body: Mask, spacing: Spacing) -> Scene:
    """The scene of two echoes.

    Parameters
    ----------
    in_phase, opposed : (z, y, x) float32
        Axial, cut to the body; see :func:`body_box`.
    body : (z, y, x) bool
    spacing : (z, y, x)
        mm.
    """
    smooth = [_smoothed(image, spacing) for image in (in_phase, opposed)]
    edges = np.maximum(*(_edges(image, body, spacing) for image in smooth))
    under_skin = morphology.depth(body, spacing)
    fat, fat_opposed = _fat_levels(in_phase, opposed, (under_skin > _FAT_SHELL[0]) & (under_skin < _FAT_SHELL[1]))
    log_in_phase, log_opposed = (np.log(np.maximum(image, 1e-3 * fat)) for image in smooth)
    left, behind = _middle_out(body, spacing)
    return Scene(
        in_phase=in_phase,
        opposed=opposed,
        body=body,
        spacing=spacing,
        edges=edges,
        log_in_phase=log_in_phase,
        log_opposed=log_opposed,
        under_skin=under_skin,
        fat=fat,
        fat_opposed=fat_opposed,
        left=left,
        behind=behind,
    )


def body_box(body: Mask) -> tuple[slice, slice, slice]:
    """The smallest box that holds the body, with all slices."""
    rows, columns = (np.flatnonzero(body.any(axis)) for axis in ((0, 2), (0, 1)))
    return slice(None), slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _smoothed(image: FloatArray, spacing: Spacing) -> FloatArray:
    median = np.stack([_median(plane) for plane in image])
    smooth: FloatArray = ndimage.gaussian_filter(median, (0, _SMOOTHING / spacing[1], _SMOOTHING / spacing[2]))
    return smooth


def _median(plane: FloatArray) -> FloatArray:
    """Median of each pixel and its eight neighbours; at the border the pixels inside it are seen a second time.

    Of nine values it is the middle one of: the largest of the least, the middle of the middle and the least of the
    largest of each column of three (Smith 1996), an eighth of the time of a filter for any size.
    """
    padded = np.pad(plane, 1, mode="symmetric")
    low, middle, high = _sorted(padded[:-2], padded[1:-1], padded[2:])
    sides = slice(None, -2), slice(1, -1), slice(2, None)
    lows, middles, highs = ([part[:, side] for side in sides] for part in (low, middle, high))
    largest_low = np.maximum(np.maximum(*lows[:2]), lows[2])
    least_high = np.minimum(np.minimum(*highs[:2]), highs[2])
    found: FloatArray = _sorted(largest_low, _sorted(*middles)[1], least_high)[1]
    return found


def _sorted(one: FloatArray, other: FloatArray, third: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Three images in one, two and three: the least, the middle and the largest value of each pixel."""
    low, high = np.minimum(one, other), np.maximum(one, other)
    return np.minimum(low, third), np.maximum(low, np.minimum(high, third)), np.maximum(high, third)


def _edges(smooth: FloatArray, body: Mask, spacing: Spacing) -> FloatArray:
    rows, columns = (np.gradient(smooth, spacing[axis], axis=axis) for axis in (1, 2))
    edges: FloatArray = np.hypot(rows, columns) / (smooth + np.float32(0.05 * np.percentile(smooth[body], 90)))
    return edges


def _fat_levels(in_phase: FloatArray, opposed: FloatArray, shell: Mask) -> tuple[float, float]:
    """Signal of the brighter part of the shell below the skin in both echoes."""
    if not shell.any():
        return float(in_phase.max()), float(opposed.max())
    bright = in_phase[shell] > 0.8 * np.median(in_phase[shell])
    return float(np.median(in_phase[shell][bright])), float(np.median(opposed[shell][bright]))


def _middle_out(body: Mask, spacing: Spacing) -> tuple[FloatArray, FloatArray]:
    columns = np.flatnonzero(body.any((0, 1)))
    weight = np.cumsum(body.sum((0, 2)))
    top, bottom = np.searchsorted(weight, (0.01 * weight[-1], 0.99 * weight[-1]))
    _, rows, width = body.shape
    left = (np.arange(width, dtype=np.float32) - np.float32((columns[0] + columns[-1]) / 2)) * np.float32(spacing[2])
    behind = (np.arange(rows, dtype=np.float32) - np.float32((top + bottom) / 2)) * np.float32(spacing[1])
    return left[None, None, :], behind[None, :, None]
