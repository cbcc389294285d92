"""From the signal of one sequence to what a network sees; the same for training and for a patient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_CLIP = (0.5, 99.5)
_BODY = 0.12
"""Share of the clipped range above which a voxel is body and not air."""


def normalised(signal: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Clip at the 0.5 and 99.5 percentile, then mean 0 and standard deviation 1 inside the body.

    Parameters
    ----------
    signal : (z, y, x) float32
        Any scale: a receiver's gain is arbitrary.

    Raises
    ------
    ValueError
        When a value is no number, or all are equal.
    """
    if not np.isfinite(signal).all():
        raise ValueError("the volume holds values that are no numbers")
    low, high = np.percentile(signal, _CLIP)
    if not low < high:
        raise ValueError("the volume holds one value only")
    clipped = np.clip(signal, low, high)
    body = clipped[clipped > low + _BODY * (high - low)]
    result: npt.NDArray[np.float32] = ((clipped - body.mean()) / max(float(body.std()), 1e-6)).astype(np.float32)
    return result
