"""How water and fat of one voxel sound together: several fat peaks, one field, one R2* (Yu et al., MRM 2008).

The signal at echo time t is ``s(t) = (W + F c(t)) exp(2 pi i psi t - R2* t)`` with the field psi, Hz, and the phasor of
fat ``c(t)``, the sum of its peaks relative to water.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
"""Echo times, s, ascending."""

Peaks: TypeAlias = tuple[tuple[float, float], ...]
PEAKS: Peaks = (
    (-3.80, 0.087), (-3.40, 0.693), (-2.60, 0.128), (-1.94, 0.004), (-0.39, 0.039), (0.60, 0.048),
)  # fmt: skip
"""Of liver fat: shift from water, ppm, and part of the signal (Hamilton et al., NMR Biomed 2011)."""
HERTZ_PER_TESLA = 42.577478518
"""Of protons, for one ppm."""
_MAIN_PEAK = 3.4  # ppm
_UNIFORM = 2e-5  # s


def turns(times: Times, tesla: float, shifts: npt.ArrayLike) -> npt.NDArray[np.complex128]:
    """Signal of peaks that lie ``shifts`` ppm from water, (echoes, peaks)."""
    turned: npt.NDArray[np.complex128] = np.exp(
        2j * np.pi * np.outer(times, np.asarray(shifts) * HERTZ_PER_TESLA * tesla)
    )
    return turned


def phasor(times: Times, tesla: float, peaks: Peaks = PEAKS) -> npt.NDArray[np.complex128]:
    """Signal of one unit of fat against water at each echo, (echoes,)."""
    shifts, parts = np.array(peaks).T
    fat: npt.NDArray[np.complex128] = turns(times, tesla, shifts) @ (parts / parts.sum())
    return fat


def fat_shift(tesla: float) -> float:
    """Hz between water and the main peak of fat: the scale of every field difference that matters."""
    return _MAIN_PEAK * HERTZ_PER_TESLA * tesla


def field_period(times: Times) -> float:
    """Hz after which the field of evenly spaced echoes repeats itself; infinite for others."""
    gaps = np.diff(times)
    return float(1 / gaps.mean()) if np.ptp(gaps) < _UNIFORM else np.inf


def separable(times: Times, tesla: float) -> float:
    """How well the echoes tell fat from water: smaller over larger singular value of their two columns, 0 to 1."""
    columns = np.stack([np.ones(len(times)), phasor(times, tesla)], axis=1)
    large, small = np.linalg.svd(columns, compute_uv=False)
    return float(small / large)
