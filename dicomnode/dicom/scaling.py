"""How the stored values of an image become signal, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

_PHILIPS = 0x2005
_SCALE_SLOPE = "Philips MR Imaging DD 001", 0x0E
_CLASSIC_HEADER = "Philips MR Imaging DD 005", 0x0F
"""A sequence in the functional groups of a Philips frame: what the classic image would have stated."""
ATTRIBUTES: Final = (0x00280004, 0x00280101, 0x00280103, 0x00281052, 0x00281053, 0x20050010, 0x2005100E)
"""Tags that :func:`of` reads; Philips scanners put their block at 0x10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Signal = (stored value x slope + intercept) / divisor."""

    slope: float = 1.0
    """Negative where the lowest stored value is white."""
    intercept: float = 0.0
    scale: float | None = None
    """Scale slope (2005,xx0E) of a Philips image, None elsewhere."""

    @property
    def divisor(self) -> float:
        """What makes the displayed values of a Philips image those of its scanner's detector, 1 elsewhere."""
        return 1.0 if self.scale is None else abs(self.slope) * self.scale

    def signal(self, stored: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
        """True signal of stored values."""
        displayed = stored.astype(np.float64) * self.slope + self.intercept
        return displayed if self.scale is None else displayed / self.divisor

    def stored_window(self, window: tuple[float, float]) -> tuple[float, float]:
        """Centre and width in stored values of a window in signal."""
        centre, width = (value * self.divisor for value in window)
        return (centre - self.intercept) / self.slope, width / abs(self.slope)


def of(image: Dataset, frame: int = 0) -> Scaling:
    """The scaling an image declares for a frame, from 1; 0 in a single-frame image (PS3.3 C.11.1, C.7.6.16.2.9).

    What is bright is signal: of a MONOCHROME1 image (PS3.3 C.7.6.3.1.2) the ends of what Bits Stored can hold change
    places before anything else is done.

    Raises
    ------
    ValueError, TypeError
        When a factor is no number.
    IndexError, AttributeError
        When nothing describes the frame, or what the stored values of a MONOCHROME1 image are.
    """
    slope, intercept, scale = 1.0, 0.0, None
    for part in _descriptions(image, frame):
        slope = float(part.get("RescaleSlope") or slope)
        intercept = float(part.get("RescaleIntercept") or intercept)
        scale = _scale_slope(part) or scale
    if image.get("PhotometricInterpretation") == "MONOCHROME1":
        ends = -1 if image.PixelRepresentation else (1 << image.BitsStored) - 1  # lowest and highest, together
        slope, intercept = -slope, intercept + ends * slope
    return Scaling(slope=slope, intercept=intercept, scale=scale)


def _descriptions(image: Dataset, frame: int) -> Iterator[Dataset]:
    """Where the scaling of a frame may stand; what comes later is said of fewer frames, and counts."""
    yield image
    if not frame:
        return
    shared = image.get("SharedFunctionalGroupsSequence", ())
    for group in (*shared, image.PerFrameFunctionalGroupsSequence[frame - 1]):
        yield from _private(group, *_CLASSIC_HEADER) or ()
        yield from group.get("PixelValueTransformationSequence", ())


def _scale_slope(image: Dataset) -> float | None:
    """SS of a Philips image, None elsewhere: floating point value = displayed value / (Rescale Slope x SS)."""
    scale = float(_private(image, *_SCALE_SLOPE) or 0.0)
    return scale if scale > 0 else None


def _private(image: Dataset, creator: str, element: int) -> Any:
    """The value of a private Philips element; None where it is not there."""
    try:
        return image.private_block(_PHILIPS, creator)[element].value
    except KeyError:
        return None
