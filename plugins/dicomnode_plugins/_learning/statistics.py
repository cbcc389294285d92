"""Six plain numbers of a volume by which a change of the protocol shows, whatever a network makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_FLOOR = 1e-3
"""Keeps the logarithm finite where a share is nothing."""


def image_statistics(volumes: Mapping[str, npt.NDArray[np.float32]]) -> dict[str, float]:
    """Label-free statistics of an exam's volumes, for a decision's ``features``.

    Six for each volume, none of which depends on a receiver's gain: ``bright``, ``peak``, ``dark`` and ``air`` (the
    90, 99, 25 and 2 percentile over the 75 percentile), ``noise`` (30 percentile of the in-plane Laplacian's magnitude
    over the 75 percentile) and ``slice`` (mean step from slice to slice over the mean step along a row). Logarithms.

    Parameters
    ----------
    volumes : mapping of name to (z, y, x)
        Signal from 0 (air) on, in any unit; of a volume that was shifted, less its minimum. At least (2, 3, 3).

    Returns
    -------
    dict
        ``t1_bright`` and so on, for each name.

    Raises
    ------
    ValueError
        When a volume is too small or holds values that are no numbers.
    """
    return {f"{name}_{what}": value for name, volume in volumes.items() for what, value in _of(volume, name).items()}


def _of(volume: npt.NDArray[np.float32], name: str) -> dict[str, float]:
    slices, rows, columns = volume.shape
    if slices < 2 or min(rows, columns) < 3:
        raise ValueError(f"{name}: {volume.shape} is too small for statistics, (2, 3, 3) is the least")
    if not np.isfinite(volume).all():
        raise ValueError(f"{name}: the volume holds values that are no numbers")
    signal = volume.astype(np.float64)
    air, dark, body, bright, peak = np.quantile(signal, (0.02, 0.25, 0.75, 0.90, 0.99))
    body = body or 1.0
    middle = signal[:, 1:-1, 1:-1]
    beside = signal[:, :-2, 1:-1] + signal[:, 2:, 1:-1] + signal[:, 1:-1, :-2] + signal[:, 1:-1, 2:]
    noise = np.quantile(np.abs(4 * middle - beside), 0.3)
    along = np.abs(np.diff(signal, axis=2)).mean() or 1.0
    through = np.abs(np.diff(signal, axis=0)).mean()
    shares = {
        "bright": bright / body,
        "peak": peak / body,
        "dark": dark / body,
        "air": air / body,
        "noise": noise / body,
        "slice": through / along,
    }
    return {what: float(np.log(max(share, 0.0) + _FLOOR)) for what, share in shares.items()}
