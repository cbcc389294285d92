"""What a single-frame result takes over from the source slice it lies on: place, references, lossy history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.encode import grid, references
from dicomnode.encode.context import Context, coded
from dicomnode.errors import EncodingError

_SOURCE_OF_PROCESSING = ("121322", "DCM", "Source image for image processing operation")
_TOWARDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Letters against and along the patient's axes x, y, z (PS3.3 C.7.6.1.1.1)."""


def place(image: Dataset, on: str, context: Context, number: int) -> None:
    """Frame of Reference and Image Plane modules of slice ``number`` of an input."""
    source = context.sources.by_role[on][number]
    image.FrameOfReferenceUID = frame_of_reference(source)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        image[keyword] = source[keyword]
    image.PositionReferenceIndicator = source.get("PositionReferenceIndicator")
    image.SliceThickness = grid.thickness(source, context.work.geometry[on])
    directions = np.asarray(source.ImageOrientationPatient, float).reshape(2, 3)
    image.PatientOrientation = [_letters(direction) for direction in directions]


def frame_of_reference(source: Dataset) -> str:
    """The Frame of Reference UID of a source image.

    Raises
    ------
    EncodingError
        When it has none.
    """
    if not source.get("FrameOfReferenceUID"):
        raise EncodingError("the input has no Frame of Reference UID; nothing can be written onto its grid")
    return str(source.FrameOfReferenceUID)


def refer(image: Dataset, on: str, derived_from: Sequence[str], context: Context, number: int) -> None:
    """Source Image Sequence: the slices an image shows; all of an input whose slices are not those of the image."""
    geometry = context.work.geometry
    chosen: list[Dataset] = []
    for role in dict.fromkeys((on, *derived_from) if on else derived_from):
        headers = context.sources.by_role[role]
        same = on and geometry[role].shape == geometry[on].shape
        if same and geometry[role].farthest_corner(geometry[on]) < geometry[role].spacing[0] / 2:
            headers = (headers[number],)
        chosen += headers
    unique = {references.key(header): header for header in chosen}
    image.SourceImageSequence = [_reference(header) for header in unique.values()]


def keep_lossy_history(image: Dataset, headers: Sequence[Dataset]) -> None:
    """Once lossy, always lossy: the history of the sources is the picture's too (PS3.3 C.7.6.1.1.5)."""
    image.LossyImageCompression = "00"
    for header in headers:
        if header.get("LossyImageCompression") == "01":
            for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
                if keyword in header:
                    image[keyword] = header[keyword]


def _letters(direction: npt.NDArray[np.float64]) -> str:
    """Where a direction points, the main axis first, for example ``LP``; axes below 1 in 10 000 are left out."""
    axes = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    return "".join(_TOWARDS[axis][int(direction[axis] > 0)] for axis in axes if abs(direction[axis]) > 1e-4)


def _reference(header: Dataset) -> Dataset:
    item = references.reference(header)
    item.PurposeOfReferenceCodeSequence = [coded(*_SOURCE_OF_PROCESSING)]
    return item
