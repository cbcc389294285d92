"""Source slices as a grid: what highdicom is told about them, and how far two slices lie apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.tag import Tag

from dicomnode.domain.stack import Geometry
from dicomnode.encode import frames
from dicomnode.errors import EncodingError

_IMAGE = tuple(map(Tag, (
    "StudyInstanceUID", "SeriesInstanceUID", "Modality", "FrameOfReferenceUID",
    "Rows", "Columns", "ImagePositionPatient", "LossyImageCompression", "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
)))  # fmt: skip
_EMPTY = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate",
    "StudyTime", "PositionReferenceIndicator",
)  # fmt: skip

Corners = npt.NDArray[np.float64]


def carriers(headers: Sequence[Dataset], geometry: Geometry) -> list[Dataset]:
    """Stand-ins for the source images that carry geometry and references into highdicom, but nobody's identity.

    All slices get the orientation and spacing of the first one, which is what one multi-frame object can say; frames
    go by their stand-ins until ``frames.resolve`` names them. ``dicomnode.encode.check`` proves afterwards that
    every frame lies on its source slice.
    """
    first = headers[0]
    if not first.get("FrameOfReferenceUID"):
        raise EncodingError("the input has no Frame of Reference UID; nothing can be written onto its grid")
    common = Dataset()
    for keyword in _EMPTY:
        setattr(common, keyword, None)
    common.ImageOrientationPatient = first.ImageOrientationPatient
    common.PixelSpacing = first.PixelSpacing
    common.SliceThickness = thickness(first, geometry)
    common.PositionReferenceIndicator = first.get("PositionReferenceIndicator")
    result = []
    for header in headers:
        carrier = Dataset(dict(common.items()))  # shares the elements: nobody writes to a carrier
        for tag in _IMAGE:
            if tag in header:
                carrier[tag] = header[tag]
        carrier.SOPClassUID, carrier.SOPInstanceUID = frames.stand_in(header)
        result.append(carrier)
    return result


def thickness(header: Dataset, geometry: Geometry) -> float:
    """Slice thickness, mm; the distance between slices where the source does not say (type 2)."""
    return float(header.get("SliceThickness") or geometry.spacing[0])


def corners(
    position: Sequence[float], orientation: Sequence[float], spacing: Sequence[float], rows: int, columns: int
) -> Corners:
    """(4, 3) centres of the corner pixels of one slice, LPS mm (PS3.3 C.7.6.2.1.1)."""
    directions = np.asarray(orientation, float).reshape(2, 3)
    row, column = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    down, right = float(spacing[0]) * (rows - 1) * column, float(spacing[1]) * (columns - 1) * row
    origin = np.asarray(position, float)
    return np.stack([origin, origin + right, origin + down, origin + right + down])


def slice_corners(image: Dataset) -> Corners:
    """Corners of a single-frame image with an Image Plane module."""
    return corners(
        image.ImagePositionPatient, image.ImageOrientationPatient, image.PixelSpacing, image.Rows, image.Columns
    )


def grid_corners(geometry: Geometry, number: int) -> Corners:
    """Corners of slice ``number`` of a grid."""
    step = geometry.spacing[0] * number
    position = [origin + step * normal for origin, normal in zip(geometry.origin, geometry.normal, strict=True)]
    return corners(position, (*geometry.row, *geometry.column), geometry.spacing[1:], *geometry.shape[1:])


def apart(one: Corners, other: Corners) -> float:
    """Largest distance between matching corners, mm."""
    return float(np.linalg.norm(one - other, axis=1).max())
