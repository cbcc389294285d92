"""Candidates of focal fatty sparing: low-fat islands of a fatty liver, each with a disc and one beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dicomnode_plugins.fat_fraction import morphology, roi
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Spacing
from dicomnode_plugins.fat_fraction.roi import Disc

STEATOSIS = 10.0
"""Percent; below it nothing can be spared."""
DELTA = 10.0
"""Points of fat fraction below the liver's median; the study's least was 12."""
_CEILING = (30.0, 0.75)  # percent, and share of the liver's fat fraction; T1 weighting lifts true foci above 20 %
_VOLUME = (0.3, 60.0)  # mL
_EDGE = 4.0  # mm from the outline, where partial volume looks like sparing
_SMOOTHING = 2.1  # mm, standard deviation: 5 mm full width
_VESSEL = 0.72  # in-phase signal over that of parenchyma; darker is a vessel
_STEP = 0.12  # of the same: two parts of one area that lie further apart are two things, a vessel beside a spared area
_PROFILE = 20.0  # mm, standard deviation of what counts as around
_NEIGHBOURS = (15.0, 60.0)  # mm between the two discs


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A low-fat area; (z, y, x) masks in axial planes."""

    area: Mask
    volume: float
    """mL."""
    focus: Disc
    parenchyma: Disc
    """On the same slice."""

    def delta(self, percent: FloatArray) -> float:
        """Fat fraction of the parenchyma less that of the focus, points."""
        return self.parenchyma.mean(percent) - self.focus.mean(percent)


def candidates(percent: FloatArray, in_phase: FloatArray, liver: Mask, core: Mask, spacing: Spacing) -> list[Candidate]:
    """Low-fat areas that can hold a disc, largest first.

    Vessels, as low in fat but darker in phase, are areas of their own: a spared area beside one is not lost in it. How
    dark they are depends on the sequence, hence each area is also looked at for two parts of different signal.

    Parameters
    ----------
    percent, in_phase : (z, y, x) float32
        Fat fraction, NaN where there is none, and signal, axial.
    liver, core : (z, y, x) bool
        The liver and its measurable part.
    spacing : (z, y, x)
        mm.
    """
    level = float(np.nanmedian(percent[core]))
    smooth = _smoothed(percent, liver, spacing)
    with np.errstate(invalid="ignore"):
        low = (smooth <= level - DELTA) & (smooth <= min(_CEILING[0], _CEILING[1] * level))
    low &= morphology.eroded(liver, _EDGE, spacing)
    brightness = _smoothed(in_phase, liver, spacing) / _level(in_phase, core, spacing)
    with np.errstate(invalid="ignore"):
        labels = _areas(low & (brightness >= _VESSEL), low & (brightness < _VESSEL), spacing)
    for index in range(1, int(labels.max()) + 1):
        area = labels == index
        if cut := _cut(brightness[area]):
            labels[area] = 0
            parts = _areas(area & (brightness >= cut), area & (brightness < cut), spacing)
            labels += np.where(parts > 0, parts + labels.max(), 0)
    low = labels > 0
    found: list[Candidate] = []
    sizes = np.bincount(labels.ravel())[1:] * float(np.prod(spacing)) / 1000
    for index in np.argsort(-sizes, kind="stable"):
        if _VOLUME[0] <= sizes[index] <= _VOLUME[1]:
            taken = [candidate.parenchyma for candidate in found]
            candidate = _candidate(labels == index + 1, float(sizes[index]), smooth, core & ~low, level, spacing, taken)
            found += [candidate] if candidate else []
    return found


def _candidate(
    area: Mask, volume: float, smooth: FloatArray, core: Mask, level: float, spacing: Spacing, taken: list[Disc]
) -> Candidate | None:
    deep = morphology.depth(area, spacing)
    plane, row, column = map(int, np.unravel_index(int(np.argmax(deep)), deep.shape))
    focus = roi.disc(plane, row, column, spacing)
    if focus.weights.sum() < roi.LEAST_PIXELS:
        return None
    parenchyma = _parenchyma(focus, smooth, core, level, spacing, [other for other in taken if other.plane == plane])
    if parenchyma is None:
        return None
    return Candidate(area=area, volume=volume, focus=focus, parenchyma=parenchyma)


def _parenchyma(
    focus: Disc, smooth: FloatArray, core: Mask, level: float, spacing: Spacing, taken: list[Disc]
) -> Disc | None:
    """The calmest disc near the liver's level on the slice of the focus, apart from those already placed."""
    plane = focus.plane
    kernel = focus.weights / focus.weights.sum()
    values = np.nan_to_num(smooth[plane], nan=level)
    mean = ndimage.convolve(values, kernel)
    unrest = ndimage.convolve((values - mean) ** 2, kernel) + 0.05 * (mean - level) ** 2
    away = _distance(focus, values.shape, spacing)
    allowed = (away > _NEIGHBOURS[0]) & (away < _NEIGHBOURS[1])
    allowed &= morphology.depth(core[plane : plane + 1], spacing)[0] > 0.8 * roi.RADIUS
    for other in taken:
        allowed &= _distance(other, values.shape, spacing) > 2.5 * roi.RADIUS
    if not allowed.any():
        return None
    row, column = np.unravel_index(int(np.argmin(np.where(allowed, unrest, np.inf))), unrest.shape)
    return roi.disc(plane, int(row), int(column), spacing)


def _distance(disc: Disc, shape: tuple[int, ...], spacing: Spacing) -> FloatArray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    away: FloatArray = np.hypot((rows - disc.row) * spacing[1], (columns - disc.column) * spacing[2])
    return away


def _areas(bright: Mask, dark: Mask, spacing: Spacing) -> npt.NDArray[np.int32]:
    """Connected parts of both, wide enough for a disc, numbered from 1."""
    labels, others = (
        ndimage.label(morphology.opened(part, roi.RADIUS - spacing[1] / 2, spacing), output=np.int32)[0]
        for part in (bright, dark)
    )
    both: npt.NDArray[np.int32] = np.where(others > 0, others + labels.max(), labels)
    return both


def _cut(brightness: FloatArray) -> float:
    """Where the values fall into two groups (Otsu 1979), or 0 when they are one."""
    if brightness.size < 2:
        return 0.0
    values = np.sort(brightness.astype(np.float64))
    below = np.arange(1, values.size)
    lower = np.cumsum(values)[:-1] / below
    upper = (values.sum() - lower * below) / (values.size - below)
    best = int(np.argmax(below * (values.size - below) * (upper - lower) ** 2))
    return float(values[best + 1]) if upper[best] - lower[best] >= _STEP else 0.0


def _level(in_phase: FloatArray, core: Mask, spacing: Spacing) -> FloatArray:
    """In-phase signal of the parenchyma around each voxel, whatever the profile of the coil."""
    widths = [_PROFILE / step for step in spacing]
    total, share = (
        ndimage.gaussian_filter(part.astype(np.float32), widths, truncate=2.0) for part in (in_phase * core, core)
    )
    level: FloatArray = total / np.maximum(share, 1e-3)
    return level


def _smoothed(percent: FloatArray, mask: Mask, spacing: Spacing) -> FloatArray:
    """Mean in the plane over the voxels of the mask that have a value; NaN elsewhere."""
    known = mask & np.isfinite(percent)
    width = (0, _SMOOTHING / spacing[1], _SMOOTHING / spacing[2])
    total = ndimage.gaussian_filter(np.where(known, percent, np.float32(0)), width)
    share = ndimage.gaussian_filter(known.astype(np.float32), width)
    return np.where(known, total / np.maximum(share, 1e-3), np.nan).astype(np.float32)
