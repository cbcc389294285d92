"""Signal fat fraction of two echoes: the formula, the body, and the noise that decides what can be measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dicomnode.sdk import Unsuitable, Volume

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Spacing = tuple[float, float, float]
"""Distance between neighbouring voxels along each array axis, mm."""

_SMOOTHING = 5.0  # mm
_GAP = 9.0  # mm; narrower gaps in the outline, such as India ink at the skin, belong to the body
_AIR_MARGIN = 20.0  # mm, both sides together; keeps motion ghosts of the skin out of the noise
_LEAST_AIR = 500  # voxels
_BELOW_OTSU = 0.8  # of the threshold on the root of the signal: keeps muscle far from the coil
_RAYLEIGH_MEDIAN = np.sqrt(2 * np.log(2))  # median of a Rayleigh distribution over its sigma
_GAUSS_MAD = 0.6745  # median absolute deviation of a normal distribution over its sigma


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """Standard deviation of the noise in one channel of the complex signal."""

    sigma: float
    source: str
    """How it was estimated, in words."""


def signal_fat_fraction(in_phase: FloatArray, opposed: FloatArray, where: Mask) -> FloatArray:
    """Fat fraction in percent, 50 (IP - OP) / IP; NaN outside ``where``.

    Parameters
    ----------
    in_phase, opposed : (z, y, x) float32
        True signal of the two echoes, on the same scale.
    where : (z, y, x) bool
        Voxels that can be measured; ``in_phase`` is positive there.

    Notes
    -----
    Two-point Dixon on magnitudes: IP = W + F and OP = abs(W - F), so what exceeds 50 % folds back to 100 % - FF.
    Negative values (noise, T2* decay) are kept: cutting them off would bias every mean.
    """
    fraction = np.full(in_phase.shape, np.nan, np.float32)
    np.subtract(in_phase, opposed, out=fraction, where=where)
    np.divide(fraction, in_phase, out=fraction, where=where)
    fraction *= np.float32(50.0)
    return fraction


def body_mask(in_phase: Volume) -> Mask:
    """Largest object in the volume, with lungs and bowel gas filled in; (z, y, x) bool.

    Threshold of Otsu (1979) on the root of the smoothed signal. Holes are filled in the planes that lie nearest to
    axial, whatever the orientation of the slices: there the body's outline is closed.

    Raises
    ------
    Unsuitable
        When nothing stands out from the background.
    """
    spacing = in_phase.spacing
    smooth = ndimage.uniform_filter(in_phase.array, tuple(odd(_SMOOTHING, step) for step in spacing))
    root = np.sqrt(np.maximum(smooth, 0, out=smooth), out=smooth)
    signal = root[root > 0]
    if signal.size == 0 or np.ptp(signal) == 0:
        raise Unsuitable("the in-phase image is empty: no body stands out from the background")
    mask = _largest(root > _BELOW_OTSU * otsu(signal))
    closed = dilated(mask, _GAP, spacing)
    closed = ~dilated(~closed, _GAP, spacing)
    axial = int(np.argmax(np.abs(in_phase.affine[2, 2::-1])))
    planes = np.moveaxis(closed, axial, 0)
    return np.moveaxis(np.stack([ndimage.binary_fill_holes(plane) for plane in planes]), 0, axial)


def noise(image: FloatArray, body: Mask, spacing: Spacing) -> Noise:
    """Noise of a magnitude image.

    From the air around the body, which follows a Rayleigh distribution; where the console has set the air to zero, or
    there is none, from the median absolute second difference inside the body. Of the three directions the middle one
    counts: across thick slices anatomy adds to it, along an interpolated one noise is missing.
    """
    air = image[~dilated(body, _AIR_MARGIN, spacing)]
    if air.size >= _LEAST_AIR and np.count_nonzero(air) > 0.7 * air.size:
        return Noise(sigma=float(np.median(air) / _RAYLEIGH_MEDIAN), source="air around the body (Rayleigh)")
    estimates = [_second_difference_sigma(image, body, axis) for axis in range(3) if image.shape[axis] >= 3]
    return Noise(
        sigma=float(np.median(estimates)),
        source="second differences inside the body, because the air around it is cut off or set to zero",
    )


def otsu(values: FloatArray, bins: int = 256) -> float:
    """Threshold with the largest variance between the two classes (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    middles = (edges[1:] + edges[:-1]) / 2
    below, moment = np.cumsum(counts), np.cumsum(counts * middles)
    above = below[-1] - below
    both = (below > 0) & (above > 0)
    difference = moment[both] / below[both] - (moment[-1] - moment[both]) / above[both]
    return float(middles[both][np.argmax(below[both] * above[both] * difference**2)])


def dilated(mask: Mask, width: float, spacing: Spacing) -> Mask:
    """The mask widened by half of ``width``, mm, on each side: a box, one axis after the other."""
    wide = mask.view(np.uint8)
    for axis, step in enumerate(spacing):
        if (size := odd(width, step)) > 1:
            wide = ndimage.maximum_filter1d(wide, size, axis)
    return wide.view(np.bool_)


def odd(width: float, step: float) -> int:
    """Odd number of voxels that does not exceed a width."""
    return 2 * int(width / 2 / step) + 1


def _second_difference_sigma(image: FloatArray, body: Mask, axis: int) -> float:
    lines, inside = np.moveaxis(image, axis, 0), np.moveaxis(body, axis, 0)
    second = lines[2:] - 2 * lines[1:-1] + lines[:-2]
    values = np.abs(second[inside[2:] & inside[1:-1] & inside[:-2]])
    return float(np.median(values)) / (_GAUSS_MAD * np.sqrt(6.0)) if values.size else 0.0


def _largest(mask: Mask) -> Mask:
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: Mask = labels == np.argmax(sizes)
    return largest
