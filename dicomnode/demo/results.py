"""Read result objects back as arrays, as any viewer would: colour pictures, map and mask, each slice at its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """The images of one task by the place of their slice along the normal, mm; empty where none came."""

    captures: Mapping[float, Pixels]
    """(rows, columns, 3) RGB."""
    maps: Mapping[float, FloatArray]
    """(rows, columns) real-world values, NaN where there is none."""
    masks: Mapping[float, Mask]
    """(rows, columns) all segments together; slices without any are not stored."""
    window: tuple[float, float]
    """Lowest and highest value with which the map wants to be shown."""

    def volume(self) -> FloatArray:
        """The map as (z, y, x) in the order of the places.

        Raises
        ------
        ValueError
            When no map came back.
        """
        if not self.maps:
            raise ValueError("no parametric map came back")
        return np.stack([self.maps[place] for place in sorted(self.maps)])


def read(folder: Path) -> Results:
    """Read the result images of one task from the ``.dcm`` files below a folder; other objects are passed over."""
    captures: dict[float, Pixels] = {}
    maps: dict[float, FloatArray] = {}
    masks: dict[float, Mask] = {}
    window = (0.0, 1.0)
    for image in map(dcmread, sorted(folder.rglob("*.dcm"))):
        if image.SOPClassUID == _SECONDARY_CAPTURE and "ImagePositionPatient" in image:
            captures[_place(image.ImagePositionPatient, image.ImageOrientationPatient)] = image.pixel_array
        elif image.SOPClassUID == _PARAMETRIC_MAP:
            maps |= {place: _values(image, frame) for place, frame in _frames(image)}
            window = _window(image)
        elif image.SOPClassUID == _SEGMENTATION:
            for place, frame in _frames(image):
                masks[place] = masks.get(place, False) | frame.astype(np.bool_)
    return Results(captures=captures, maps=maps, masks=masks, window=window)


def _frames(image: Dataset) -> Iterator[tuple[float, npt.NDArray[np.generic]]]:
    """Every frame of a multi-frame image with its place (PS3.3 C.7.6.16.2.3 and 2.4)."""
    pixels = image.pixel_array.reshape(-1, image.Rows, image.Columns)
    orientation = image.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
    for groups, frame in zip(image.PerFrameFunctionalGroupsSequence, pixels, strict=True):
        yield _place(groups.PlanePositionSequence[0].ImagePositionPatient, orientation), frame


def _values(image: Dataset, frame: npt.NDArray[np.generic]) -> FloatArray:
    values = frame.astype(np.float32)
    padding = image.get("FloatPixelPaddingValue")
    return values if padding is None else np.where(values == np.float32(padding), np.float32(np.nan), values)


def _window(image: Dataset) -> tuple[float, float]:
    shown = image.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    centre, width = float(shown.WindowCenter), float(shown.WindowWidth)
    return centre - width / 2, centre + width / 2


def _place(position: Sequence[float], orientation: Sequence[float]) -> float:
    row, column = np.asarray(orientation, float).reshape(2, 3)
    return round(float(np.dot(np.cross(row, column), np.asarray(position, float))), 2)
