"""Decode the planes of one image file into true signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pixel_array

from dicomnode.dicom import header
from dicomnode.dicom.frames import Frame, frames_of
from dicomnode.domain.instance import Facts

_PHILIPS = 0x2005
_SCALE_SLOPE = "Philips MR Imaging DD 001", 0x0E
_CLASSIC_HEADER = "Philips MR Imaging DD 005", 0x0F
"""A sequence in the functional groups of a Philips frame: what the classic image would have stated."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """A single- or multi-frame image file that has been read."""

    path: Path
    frames: tuple[Frame, ...]
    data_set: Dataset

    def facts(self, frame: int) -> Facts:
        """Of one plane: the frame with this number, from 1; 0 for a single-frame image."""
        return self.frames[max(frame - 1, 0)].facts

    def signal(self, frame: int) -> tuple[npt.NDArray[np.float64], float | None]:
        """(rows, columns) signal of one plane, and the Philips scale slope that went into it.

        Stored values are rescaled as this plane says (PS3.3 C.11.1, C.7.6.16.2.9). Philips systems scale each series,
        some each slice, to the range of the stored values; the scale slope SS (2005,100E) undoes what rescaling
        leaves of that: floating point value = displayed value / (Rescale Slope x SS).
        """
        _drop_excess_padding(self.data_set)
        pixels = pixel_array(self.data_set, index=frame - 1 if frame else None)
        slope, intercept, scale = 1.0, 0.0, None
        for part in self._descriptions(frame):
            slope = float(part.get("RescaleSlope") or slope)
            intercept = float(part.get("RescaleIntercept") or intercept)
            scale = _scale_slope(part) or scale
        displayed = pixels * slope + intercept
        return displayed if scale is None else displayed / (slope * scale), scale

    def _descriptions(self, frame: int) -> Iterator[Dataset]:
        """Where the scaling of a plane may be stated; what comes later is said of fewer frames and wins."""
        yield self.data_set
        if not frame:
            return
        groups = [*self.data_set.get("SharedFunctionalGroupsSequence", ())[:1]]
        groups.append(self.data_set.PerFrameFunctionalGroupsSequence[frame - 1])
        for group in groups:
            yield from _private(group, *_CLASSIC_HEADER) or ()
            yield from group.get("PixelValueTransformationSequence", ())


def open_image(path: Path) -> Image:
    """Read an image file whole.

    Raises
    ------
    NotUnderstood, UnusablePlace, InvalidInstance
        As :func:`dicomnode.dicom.header.read_file`.
    """
    file = path.read_bytes()
    frames = frames_of(header.read(*header.data_set_of(file)))
    return Image(path=path, frames=frames, data_set=dcmread(BytesIO(file)))


def _drop_excess_padding(data_set: Dataset) -> None:
    """Cut native pixel data to its size: some writers pad it, and pydicom would warn in every thread's place."""
    if not data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        values = data_set.Rows * data_set.Columns * data_set.SamplesPerPixel * int(data_set.get("NumberOfFrames") or 1)
        size = values * data_set.BitsAllocated // 8
        if len(data_set.PixelData) > size + size % 2:
            data_set.PixelData = data_set.PixelData[: size + size % 2]


def _scale_slope(data_set: Dataset) -> float | None:
    scale = float(_private(data_set, *_SCALE_SLOPE) or 0.0)
    return scale if scale > 0 else None


def _private(data_set: Dataset, creator: str, element: int) -> Any:
    """The value of a private Philips element; None where it is not there."""
    try:
        return data_set.private_block(_PHILIPS, creator)[element].value
    except KeyError:
        return None
