"""Decode the planes of one image file into true signal."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pixel_array

from dicomnode.dicom import header, scaling
from dicomnode.dicom.frames import Frame, frames_of
from dicomnode.domain.instance import Facts


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
        """(rows, columns) signal of one plane, and the Philips scale slope that went into it."""
        drop_excess_padding(self.data_set)
        stored = pixel_array(self.data_set, index=frame - 1 if frame else None)
        scaled = scaling.of(self.data_set, frame)
        return scaled.signal(stored), scaled.scale


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


def drop_excess_padding(data_set: Dataset) -> None:
    """Cut native pixel data to its size: some writers pad it, and pydicom would warn in every thread's place."""
    if not data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        values = data_set.Rows * data_set.Columns * data_set.SamplesPerPixel * int(data_set.get("NumberOfFrames") or 1)
        size = (values * data_set.BitsAllocated + 7) // 8
        if len(data_set.PixelData) > size + size % 2:
            data_set.PixelData = data_set.PixelData[: size + size % 2]
