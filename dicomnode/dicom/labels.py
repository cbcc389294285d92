"""Read the labels of a Segmentation onto the grid of the images it was made on (PS3.3 C.8.20, C.8.20.2)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pixel_array

from dicomnode.dicom import header, segment_facts
from dicomnode.dicom.geometry import LEAST_TOLERANCE, Plane
from dicomnode.dicom.physics import number
from dicomnode.dicom.pixels import drop_excess_padding
from dicomnode.dicom.segment_descriptions import described
from dicomnode.dicom.segmentations import MOST_PLACES, heights, planes_of
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import Geometry
from dicomnode.errors import GeometryError
from dicomnode.sdk.labels import LabelledSegment

Labelled = npt.NDArray[np.uint8]

_MOST_SEGMENTS: Final = 255
_PARALLEL: Final = 1 - 1e-4  # cosine, of 0.8 degrees
_UNREADABLE = (
    *(AttributeError, EOFError, IndexError, KeyError, NotImplementedError, OSError, OverflowError, RuntimeError),
    *(TypeError, ValueError, struct.error),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """Labels as they were drawn: the places that hold frames, at whole steps along the normal of the first."""

    first: Plane
    step: float
    """mm."""
    places: tuple[int, ...]
    """Steps from the first place, rising."""
    array: Labelled
    """(places, rows, columns)."""


def read(path: Path, onto: Geometry) -> tuple[Labelled, tuple[LabelledSegment, ...]]:
    """Labels of a segmentation on a grid, and what its segments are.

    Parameters
    ----------
    path : Path
        Of a binary or label map segmentation.
    onto : Geometry
        Of the images it was made on, in the same frame of reference. Each of its voxels takes the label of the nearest
        voxel that was drawn; where the segmentation has the grid of the images, however turned, nothing is changed.

    Returns
    -------
    array : (z, y, x) uint8
        0 is background, n the n-th segment.
    segments : tuple of LabelledSegment
        In the order of their numbers.

    Raises
    ------
    GeometryError
        When two segments share a voxel, a label lies outside the grid or falls between its voxels, nothing is
        labelled, or the file does not say what or where its labels are.
    """
    file = path.read_bytes()
    read_header = header.read(*header.data_set_of(file))
    planes = planes_of(read_header)
    if isinstance(planes, str):
        raise GeometryError(planes)
    try:
        image = dcmread(BytesIO(file))
        segments = described(image)
        drawn = _drawn(image, planes, _step(planes, read_header.facts, onto), list(segments))
    except _UNREADABLE as error:
        raise GeometryError(f"its labels cannot be decoded ({type(error).__name__})") from error
    if not drawn.array.any():
        raise GeometryError("it labels no voxel")
    labels = _resampled(drawn, onto)
    _check_kept(drawn, labels, onto, list(segments))
    return labels, tuple(segments.values())


def _step(planes: Sequence[Plane], facts: Facts, onto: Geometry) -> float:
    """Distance between neighbouring places, mm: what lies between two frames is background only where it is known."""
    places = heights(planes)
    along = float(planes[0].normal @ np.array(onto.normal))
    between, thickness = (_stated(facts, keyword, places) for keyword in ("SpacingBetweenSlices", "SliceThickness"))
    if abs(along) > _PARALLEL and _whole(places, onto.spacing[0]):
        return max(onto.spacing[0], between)  # a slice may be thicker than the distance to the next
    if between or thickness:
        return between or thickness
    raise GeometryError("its frames do not lie on the slices of the images, and it does not say how far they are apart")


def _stated(facts: Facts, keyword: str, places: Sequence[float]) -> float:
    """A distance the header states, where places lie at whole multiples of it; else 0."""
    step = abs(number(facts, keyword) or 0.0)
    return step if step and places[-1] / step < MOST_PLACES and _whole(places, step) else 0.0


def _whole(places: Sequence[float], step: float) -> bool:
    return all(abs(place - step * round(place / step)) <= LEAST_TOLERANCE for place in places)


def _drawn(image: Dataset, planes: Sequence[Plane], step: float, numbers: Sequence[int]) -> _Drawn:
    if len(numbers) > _MOST_SEGMENTS:
        raise GeometryError(f"it has {len(numbers)} segments; {_MOST_SEGMENTS} are the most")
    first = planes[0]
    places = tuple(round(height / step) for height in heights(planes))
    at = {place: index for index, place in enumerate(places)}
    labels = {number: label for label, number in enumerate(numbers, start=1)}
    drop_excess_padding(image)
    stored = pixel_array(image).reshape(-1, *first.size)
    array = np.zeros((len(places), *first.size), np.uint8)
    seen: set[tuple[int, int]] = set()
    for frame, (position, segment) in zip(stored, _frames(image, len(stored)), strict=True):
        place = round(float(first.normal @ (np.array(position) - np.array(first.origin))) / step)
        if (place, segment) in seen:
            raise GeometryError("two of its frames show the same segment at the same place")
        seen.add((place, segment))
        shown = _labelled(frame, segment, labels, image)
        if ((array[at[place]] > 0) & (shown > 0)).any():
            raise GeometryError("its segments overlap: such a voxel has no one label")
        array[at[place]] += shown
    return _Drawn(first=first, step=step, places=places, array=array)


def _frames(image: Dataset, count: int) -> Iterator[tuple[list[float], int]]:
    """Position, and segment (0 in a label map), of each frame."""
    shared, frames = image.SharedFunctionalGroupsSequence[0], image.PerFrameFunctionalGroupsSequence
    if len(frames) != count:
        raise GeometryError(f"it describes {len(frames)} frames and holds {count}")
    is_label_map = image.SOPClassUID == segment_facts.LABEL_MAP
    for own in frames:
        position = _macro(own, shared, "PlanePositionSequence").ImagePositionPatient
        drawn = 0 if is_label_map else _macro(own, shared, "SegmentIdentificationSequence").ReferencedSegmentNumber
        yield [float(value) for value in position], int(drawn)


def _macro(own: Dataset, shared: Dataset, keyword: str) -> Dataset:
    """What a functional group says of a frame, of itself or for all."""
    for group in (own, shared):
        for item in group.get(keyword, ()):
            found: Dataset = item
            return found
    raise GeometryError("one of its frames does not say where it lies or which segment it shows")


def _labelled(frame: npt.NDArray[np.integer], segment: int, labels: dict[int, int], image: Dataset) -> Labelled:
    """One frame with labels in place of what is stored."""
    if segment:
        if segment not in labels:
            raise GeometryError("one of its frames shows a segment that is not described")
        return np.where(frame > 0, np.uint8(labels[segment]), np.uint8(0))
    background = {0, int(image.get("PixelPaddingValue", 0))} - set(labels)
    shown = np.zeros(frame.shape, np.uint8)
    for value in np.unique(frame):
        if int(value) in labels:
            shown[frame == value] = labels[int(value)]
        elif int(value) not in background:
            raise GeometryError("one of its voxels has a label that is not described")
    return shown


def _resampled(drawn: _Drawn, onto: Geometry) -> Labelled:
    """(z, y, x) nearest labels at the voxel centres of a grid."""
    to_drawn = np.linalg.inv(_affine(drawn)) @ np.array(onto.affine())
    slices, rows, columns = onto.shape
    y, x = np.mgrid[:rows, :columns]
    index = np.full(drawn.places[-1] + 1, -1)
    index[list(drawn.places)] = range(len(drawn.places))
    labels = np.zeros(onto.shape, np.uint8)
    for z in range(slices):
        i, j, k = (
            np.rint(to_drawn[n, 0] * x + to_drawn[n, 1] * y + (to_drawn[n, 2] * z + to_drawn[n, 3])) for n in range(3)
        )
        inside = (
            (k >= 0) & (k < len(index)) & (j >= 0) & (j < drawn.first.size[0]) & (i >= 0) & (i < drawn.first.size[1])
        )
        place = np.where(inside, index[np.where(inside, k, 0).astype(int)], -1)
        inside = place >= 0
        labels[z][inside] = drawn.array[place[inside], j[inside].astype(int), i[inside].astype(int)]
    return labels


def _check_kept(drawn: _Drawn, labels: Labelled, onto: Geometry, numbers: Sequence[int]) -> None:
    """Nothing that was drawn may be lost on the way."""
    to_grid = np.linalg.inv(np.array(onto.affine())) @ _affine(drawn)
    last = np.array(onto.shape[::-1]) - 0.5
    for place, plane in zip(drawn.places, drawn.array, strict=True):
        j, i = np.nonzero(plane)
        points = np.stack([i, j, np.full(len(i), place)], -1) @ to_grid[:3, :3].T + to_grid[:3, 3]
        if outside := int(np.count_nonzero(((points < -0.5 - 1e-3) | (points > last + 1e-3)).any(1))):
            raise GeometryError(f"{outside} of its voxels on one frame lie outside the images it must lie on")
    for label in np.setdiff1d(np.unique(drawn.array), np.unique(labels)):
        raise GeometryError(f"its segment {numbers[int(label) - 1]} falls between the voxels of the images")


def _affine(drawn: _Drawn) -> npt.NDArray[np.float64]:
    """4 x 4 matrix from (column, row, place, 1) to LPS mm."""
    affine = np.eye(4)
    between_rows, between_columns = drawn.first.spacing
    affine[:3, 0] = np.array(drawn.first.row) * between_columns
    affine[:3, 1] = np.array(drawn.first.column) * between_rows
    affine[:3, 2] = drawn.first.normal * drawn.step
    affine[:3, 3] = drawn.first.origin
    return affine
