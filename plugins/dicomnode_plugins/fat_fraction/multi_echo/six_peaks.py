"""How water and fat of one voxel sound together: several fat peaks, one field, one R2* (Yu et al., MRM 2008).

The signal at echo time t is ``s(t) = (W + F c(t)) exp(2 pi i psi t - R2* t)`` with the field psi, Hz, and the phasor of
fat ``c(t)``, the sum of its peaks relative to water.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
"""Echo times, s, ascending."""

PEAKS = (
    (-3.80, 0.087), (-3.40, 0.693), (-2.60, 0.128), (-1.94, 0.004), (-0.39, 0.039), (0.60, 0.048),
)  # fmt: skip
"""Of liver fat: shift from water, ppm, and part of the signal (Hamilton et al., NMR Biomed 2011)."""
Peaks: TypeAlias = tuple[tuple[float, float], ...]
SPECTRA: Mapping[str, Peaks] = {
    "liver": PEAKS,
    "three peaks": ((-3.29, 0.75), (-2.49, 0.17), (0.74, 0.08)),
    "unsaturated": (
        (-3.80, 0.0889), (-3.40, 0.5863), (-3.11, 0.0593), (-2.67, 0.0861), (-2.45, 0.0593), (-1.93, 0.0138),
        (-0.50, 0.0395), (0.51, 0.0099), (0.61, 0.0569),
    ),
}  # fmt: skip
"""What fat may sound like; the second was measured in vivo (Yu et al., MRM 2008), the third is computed.

Triglycerides with chain length 17.5, 2.88 double bonds, 0.70 pairs of them (formulas of Hamilton et al. 2011).
"""
Weights: TypeAlias = tuple[float, float, float]
"""Part of each of :data:`SPECTRA`; together 1."""
LIVER: Weights = (1.0, 0.0, 0.0)
_HERTZ_PER_TESLA = 42.577478518  # proton, for one ppm
_MAIN_PEAK = 3.4  # ppm
_UNIFORM = 2e-5  # s


def phasor(times: Times, tesla: float, weights: Weights = LIVER) -> npt.NDArray[np.complex128]:
    """Signal of one unit of fat against water at each echo, (echoes,), for a mixture of spectra."""
    fat = np.zeros(len(times), np.complex128)
    for weight, peaks in zip(weights, SPECTRA.values(), strict=True):
        shifts, parts = np.array(peaks).T
        turns = np.outer(times, shifts * _HERTZ_PER_TESLA * tesla)
        fat += weight * (np.exp(2j * np.pi * turns) @ (parts / parts.sum()))
    return fat


def in_words(weights: Weights) -> str:
    """Of what a spectrum is mixed."""
    names = ("liver fat, Hamilton 2011", "three peaks, Yu 2008", "unsaturated fat, computed")
    return " + ".join(f"{100 * weight:.3g} % {name}" for weight, name in zip(weights, names, strict=True) if weight)


def mixtures(step: int = 8) -> tuple[Weights, ...]:
    """All mixtures of the spectra in steps of one part in ``step``, that of the liver first."""
    parts = range(step, -1, -1)
    return tuple((a / step, b / step, (step - a - b) / step) for a in parts for b in parts if a + b <= step)


def fat_shift(tesla: float) -> float:
    """Hz between water and the main peak of fat: the scale of every field difference that matters."""
    return _MAIN_PEAK * _HERTZ_PER_TESLA * tesla


def field_period(times: Times) -> float:
    """Hz after which the field of evenly spaced echoes repeats itself; infinite for others."""
    gaps = np.diff(times)
    return float(1 / gaps.mean()) if np.ptp(gaps) < _UNIFORM else np.inf


def separable(times: Times, tesla: float) -> float:
    """How well the echoes tell fat from water: smaller over larger singular value of their two columns, 0 to 1."""
    columns = np.stack([np.ones(len(times)), phasor(times, tesla)], axis=1)
    large, small = np.linalg.svd(columns, compute_uv=False)
    return float(small / large)
