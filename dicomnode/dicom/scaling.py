"""How the stored values of an image become signal, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

_PHILIPS_GROUP, _PHILIPS_CREATOR, _SCALE_SLOPE = 0x2005, "Philips MR Imaging DD 001", 0x0E
ATTRIBUTES: Final = (0x00281052, 0x00281053, 0x20050010, 0x2005100E)
"""Tags that :func:`of` reads; Philips scanners put their block at 0x10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Signal = (stored value x slope + intercept) / divisor."""

    slope: float = 1.0
    intercept: float = 0.0
    scale: float | None = None
    """Scale slope (2005,xx0E) of a Philips image, None elsewhere."""

    @property
    def divisor(self) -> float:
        """What makes the displayed values of a Philips image those of its scanner's detector, 1 elsewhere."""
        return 1.0 if self.scale is None else self.slope * self.scale

    def signal(self, stored: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """True signal of stored values."""
        displayed = stored.astype(np.float64) * self.slope + self.intercept
        return displayed if self.scale is None else displayed / self.divisor

    def stored_window(self, window: tuple[float, float]) -> tuple[float, float]:
        """Centre and width in stored values of a window in signal."""
        centre, width = (value * self.divisor for value in window)
        return (centre - self.intercept) / self.slope, width / abs(self.slope)


def of(image: Dataset) -> Scaling:
    """The scaling an image declares.

    Raises
    ------
    ValueError, TypeError
        When a factor is no number.
    """
    return Scaling(
        slope=float(image.get("RescaleSlope") or 1.0),
        intercept=float(image.get("RescaleIntercept") or 0.0),
        scale=_scale_slope(image),
    )


def _scale_slope(image: Dataset) -> float | None:
    """SS of a Philips image, None elsewhere: floating point value = displayed value / (Rescale Slope x SS)."""
    try:
        scale = float(image.private_block(_PHILIPS_GROUP, _PHILIPS_CREATOR)[_SCALE_SLOPE].value)
    except KeyError:
        return None
    return scale if scale > 0 else None
