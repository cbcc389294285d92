"""Gates on what the images hold, whatever their labels say; each refusal has a name of its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from dicomnode.sdk import Unsuitable
from dicomnode.sdk.volume import Volume
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask

FAT_SHIFT_HZ_PER_TESLA = 42.577 * 3.4
PHASE_TOLERANCE_DEG = 32.0
LARGEST_SHIFT = 1.5
"""Pixels; alternating readout gradients alone displace by one on real scanners."""

_OPPOSED_EXCESS = 1.25
_FOLD_OVER_PERCENT = 40.0


def check_echo_times(in_phase: Volume, opposed_phase: Volume) -> list[str]:
    """Hold echo times against the field strength; returns cautions.

    Raises
    ------
    Unsuitable
        When a value is missing or an echo time is not what its role says.
    """
    field = _number(in_phase.acquisition, "MagneticFieldStrength")
    times = {}
    for name, volume, wanted in (("in-phase", in_phase, 0.0), ("opposed-phase", opposed_phase, 180.0)):
        times[name] = _number(volume.acquisition, "EchoTime")
        degrees = FAT_SHIFT_HZ_PER_TESLA * field * times[name] * 1e-3 % 1 * 360
        away = abs((degrees - wanted + 180) % 360 - 180)
        if away > PHASE_TOLERANCE_DEG:
            raise Unsuitable(
                f"echo time {times[name]:g} ms at {field:g} T is not {name}: fat is at {degrees:.0f} degrees"
            )
    if times["in-phase"] < times["opposed-phase"]:
        return ["The in-phase echo is the earlier one: T2* decay reads as additional fat."]
    return []


def _number(acquisition: Mapping[str, float | str], keyword: str) -> float:
    value = acquisition.get(keyword)
    if not isinstance(value, (int, float)):
        raise Unsuitable(f"{keyword} is not known, and without it in phase and opposed phase cannot be told apart")
    return float(value)


def check_content(in_phase: FloatArray, opposed_phase: FloatArray, body: Mask, sigma: float) -> None:
    """Refuse echoes that moved, were swapped, scaled or fat-suppressed.

    Raises
    ------
    Unsuitable
    """
    shift = max(abs(pixels) for pixels in displacement(in_phase, opposed_phase))
    if shift > LARGEST_SHIFT:
        raise Unsuitable(f"the content of the two echoes lies {shift:.0f} pixels apart")
    signal = body & (np.maximum(in_phase, opposed_phase) > 20 * sigma)
    if np.count_nonzero(signal) < 1000:
        raise Unsuitable("too little signal above noise to compare the echoes")
    ratio = np.log(np.maximum(opposed_phase[signal], 1e-3) / np.maximum(in_phase[signal], 1e-3))
    low, middle, high = np.percentile(ratio, (2, 50, 98))
    if middle > np.log(_OPPOSED_EXCESS):
        raise Unsuitable(f"opposed-phase signal exceeds in-phase by {100 * np.expm1(middle):.0f} % in half of the body")
    if low + high > 0:
        raise Unsuitable("fat-water borders are dark in the image called in-phase: the echoes are swapped")
    if low > np.log(0.75):
        raise Unsuitable("no fat-water border cancels in the opposed-phase image: fat-suppressed, or not opposed")


def displacement(in_phase: FloatArray, opposed_phase: FloatArray) -> tuple[float, float]:
    """In-plane shift (rows, columns) between the edges of two images, pixels, by phase correlation."""
    spectra = []
    for image in (in_phase, opposed_phase):
        smooth = ndimage.gaussian_filter(image, (0, 2, 2))
        edges = np.hypot(*np.gradient(smooth, axis=(1, 2))) / (smooth + 0.1 * np.percentile(smooth, 95) + 1e-6)
        spectra.append(np.fft.rfft2(edges - edges.mean((1, 2), keepdims=True)))
    cross = spectra[0].conj() * spectra[1]
    cross /= np.abs(cross) + 1e-6 * np.abs(cross).max() + 1e-12
    surface = ndimage.gaussian_filter(np.fft.irfft2(cross.sum(0), s=in_phase.shape[1:]), 1.0, mode="wrap")
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    rows, columns = surface.shape
    return float((row + rows // 2) % rows - rows // 2), float((column + columns // 2) % columns - columns // 2)


def cautions(percent: FloatArray, noise_source: str) -> list[str]:
    """What a reader must know besides the numbers."""
    notes = ["T2* decay and T1 weighting are not corrected."]
    if np.nanpercentile(percent, 95) > _FOLD_OVER_PERCENT:
        notes.append("Above 40 % two echoes cannot tell fat from water: values there may be folded over.")
    if noise_source == "differences":
        notes.append("The background is zeroed: noise was estimated inside the body.")
    return notes
