"""Gates on the image content that need no labels: each refuses a pair whose map would be wrong, and says why."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from dicomnode.sdk import Unsuitable
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Spacing, dilated, odd

LARGEST_SHIFT = 1.5
"""In units of the finest voxel side. Alternating readout gradients displace content by one, seen on real pairs."""
WEAKEST_INK = -0.25
"""Highest :func:`ink_asymmetry` of a pair with visible India ink: real pairs read -0.9, suppressed fat 0."""
FAT_FREE_RATIO = (0.80, 1.30)
"""OP/IP of tissue without fat: 1 by nature, T2* decay between the echoes lifts it."""
DARKEST_FAT = 0.35
"""Least OP/IP of fat below the skin, which is bright in both echoes (0.6 to 0.9) unless one suppressed it."""
LEAST_MEASURABLE = 0.5
"""Part of the body with signal above the noise gate."""

_LEAST_VOXELS = 200
_CLEAR = 10.0  # sigma, of the brighter echo
_RIM = (3.0, 12.0)  # mm below the skin
_SMOOTHING = 5.0  # mm


def check_content(
    in_phase: FloatArray, opposed: FloatArray, body: Mask, measurable: Mask, sigma: float, spacing: Spacing
) -> None:
    """Refuse moved, swapped, differently scaled and fat-suppressed echoes.

    Parameters
    ----------
    in_phase, opposed : (z, y, x) float32
    body, measurable : (z, y, x) bool
        The body, and its voxels above the noise gate.
    sigma : float
        Noise of the in-phase echo.
    spacing : (z, y, x)
        mm.

    Raises
    ------
    Unsuitable
        With what is wrong and the figure that shows it.
    """
    part = float(measurable[body].mean())
    clear = body & (np.maximum(in_phase, opposed) > _CLEAR * sigma)
    if part < LEAST_MEASURABLE or np.count_nonzero(clear) < _LEAST_VOXELS:
        raise Unsuitable(f"too noisy: only {part:.0%} of the body have in-phase signal above the noise gate")
    _check_shift(in_phase, opposed, spacing)
    floor = np.float32(max(sigma, 1e-6))
    ratio = np.maximum(opposed, floor)
    ratio /= np.maximum(in_phase, floor)
    _check_phases(ratio[clear])
    _check_fat(in_phase, ratio, body, clear, spacing)


def ink_asymmetry(ratio: FloatArray) -> float:
    """Mean of the 2nd and 98th percentile of ln(OP/IP).

    Voxels on fat-water borders cancel in the opposed image only (India ink), so it is clearly negative when OP really
    is opposed, positive when the echoes are swapped and near 0 without fat signal; the fat of the liver hardly moves
    it.
    """
    low, high = np.percentile(np.log(ratio), (2, 98))
    return float(low + high) / 2


def displacement(in_phase: FloatArray, opposed: FloatArray, spacing: Spacing) -> tuple[float, float, float]:
    """How far the opposed echo's content lies from the in-phase one's along each array axis, mm.

    Phase correlation of the edges in all three directions; edges are taken on the logarithm of the signal, so that
    strong and weak tissue count alike.
    """
    one, other = (fft.rfftn(_edges(image, spacing)) for image in (in_phase, opposed))
    cross = one.conj() * other
    cross /= np.maximum(np.abs(cross), 1e-6 * np.abs(cross).max())
    surface = fft.irfftn(cross, s=in_phase.shape)
    peak = np.unravel_index(int(np.argmax(surface)), surface.shape)
    z, y, x = (
        ((int(place) + count // 2) % count - count // 2) * step
        for place, count, step in zip(peak, surface.shape, spacing, strict=True)
    )
    return z, y, x


def _check_shift(in_phase: FloatArray, opposed: FloatArray, spacing: Spacing) -> None:
    shift = max(abs(distance) for distance in displacement(in_phase, opposed, spacing))
    if shift > LARGEST_SHIFT * min(spacing):
        raise Unsuitable(f"the content of the two echoes lies {shift:.1f} mm apart: the patient or the data moved")


def _check_phases(ratio: FloatArray) -> None:
    asymmetry = ink_asymmetry(ratio)
    if asymmetry > 0:
        raise Unsuitable(
            "the echoes seem swapped: borders of fat and water cancel in the image called in-phase "
            f"(India-ink asymmetry {asymmetry:+.2f}); or fat was suppressed in that image alone"
        )
    fat_free = float(np.percentile(ratio, 90))
    if not FAT_FREE_RATIO[0] <= fat_free <= FAT_FREE_RATIO[1]:
        raise Unsuitable(
            f"the echoes are scaled differently, or iron shortens T2*: fat-free tissue is {fat_free:.2f} times as "
            f"bright opposed as in phase, allowed is {FAT_FREE_RATIO[0]:.2f} to {FAT_FREE_RATIO[1]:.2f}"
        )
    if asymmetry > WEAKEST_INK:
        raise Unsuitable(
            "no border of fat and water cancels in the opposed-phase image "
            f"(India-ink asymmetry {asymmetry:+.2f}): fat was suppressed, or both echoes have the same phase"
        )


def _check_fat(in_phase: FloatArray, ratio: FloatArray, body: Mask, clear: Mask, spacing: Spacing) -> None:
    """Fat below the skin, the brightest tissue there, must not be dark in the opposed image alone."""
    air = ~body
    shallow, deep = (dilated(air, 2 * depth, spacing) for depth in _RIM)
    rim = deep & ~shallow & clear
    if np.count_nonzero(rim) < _LEAST_VOXELS:
        return
    bright = in_phase[rim] > np.percentile(in_phase[rim], 60)
    seen = float(np.median(ratio[rim][bright]))
    if seen < DARKEST_FAT:
        raise Unsuitable(
            f"fat was suppressed in the opposed-phase image: tissue below the skin is {seen:.2f} times as bright there "
            "as in phase"
        )


def _edges(image: FloatArray, spacing: Spacing) -> FloatArray:
    smooth = ndimage.uniform_filter(image, tuple(odd(_SMOOTHING, step) for step in spacing))
    level = np.log(np.maximum(smooth, 0) + np.float32(0.02 * float(smooth.max()) + 1e-6))
    edges: FloatArray = np.zeros_like(level)
    for axis in range(3):
        edges += np.abs(np.gradient(level, axis=axis))
    edges -= edges.mean()
    return edges
