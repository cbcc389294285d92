"""Read the slices of a stack into one array of true signal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dicomnode.dicom.physics import contrast_agent, field_strength, number
from dicomnode.dicom.pixels import Image, open_image
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import Geometry
from dicomnode.errors import GeometryError

Acquisition = dict[str, float | str]

_NUMBERS = (
    *("EchoTime", "RepetitionTime", "InversionTime", "FlipAngle", "EchoTrainLength", "ImagingFrequency"),
    *("SliceThickness", "SpacingBetweenSlices", "DiffusionBValue"),
)
_TEXTS = (
    *("ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "ImageType"),
    *("Manufacturer", "BodyPartExamined", "Laterality"),
)
_OFF_PLACE = 0.25
"""Fraction of the slice distance by which a file may lie off its place before it is the wrong file."""


def read(
    paths: Sequence[Path], geometry: Geometry, frames: Sequence[int] = ()
) -> tuple[npt.NDArray[np.float32], Acquisition]:
    """Array and acquisition physics of a stack.

    Parameters
    ----------
    paths : sequence of Path
        DICOM files, one for each slice, in slice order.
    geometry : Geometry
        Of the stack; each slice is checked against it.
    frames : sequence of int
        Frame number, from 1, of each slice in its file; empty where the files are single frames.

    Returns
    -------
    array : (z, y, x) float32
        Stored values with Rescale Slope and Intercept of each slice applied; on Philips systems divided by the scale
        slope (2005,xx0E) as well, so that values of different series compare (true signal).
    acquisition : dict
        Allow-listed attributes of the first slice by keyword: times in ms, angles in degrees,
        ``MagneticFieldStrength`` in T (measured where Imaging Frequency says so), ``ContrastBolusAgent`` "yes" or "no".
        Several values are joined by a backslash. No identity.

    Raises
    ------
    GeometryError
        When a file is not the slice the geometry says, or its pixels cannot be decoded.
    """
    if len(paths) != geometry.shape[0]:
        raise GeometryError(f"{len(paths)} files for {geometry.shape[0]} slices")
    array = np.empty(geometry.shape, dtype=np.float32)
    acquisition: Acquisition = {}
    scales: set[float | None] = set()
    image: Image | None = None
    for index, (path, frame) in enumerate(zip(paths, frames or [0] * len(paths), strict=True)):
        if image is None or image.path != path:
            image = open_image(path)
        _check_place(image.facts(frame), geometry, index)
        acquisition = acquisition or acquisition_of(image.facts(frame))
        plane, scale = _decoded(image, frame, index)
        if plane.shape != geometry.shape[1:]:
            raise GeometryError(f"slice {index + 1} decodes to {plane.shape} pixels, not {geometry.shape[1:]}")
        array[index] = plane
        scales.add(scale)
    if None in scales and len(scales) > 1:
        raise GeometryError("the Philips scale slope is missing on some slices, so their signals do not compare")
    return array, acquisition


def acquisition_of(facts: Facts) -> Acquisition:
    """The physics of an acquisition that a plugin may know; nothing that names a person, a place or an object."""
    known: Acquisition = {"ContrastBolusAgent": "yes" if contrast_agent(facts) else "no"}
    for keyword in _NUMBERS:
        if (value := number(facts, keyword)) is not None:
            known[keyword] = value
    for keyword in _TEXTS:
        if (texts := facts.get(keyword)) is not None:
            known[keyword] = "\\".join(map(str, texts)) if isinstance(texts, list) else str(texts)
    if (field := field_strength(facts)) is not None:
        known["MagneticFieldStrength"] = field.tesla
    return known


def _check_place(facts: Facts, geometry: Geometry, index: int) -> None:
    size = facts.get("Rows"), facts.get("Columns")
    if size != geometry.shape[1:]:
        raise GeometryError(f"slice {index + 1} has {size[0]} x {size[1]} pixels, not {geometry.shape[1:]}")
    position = facts.get("ImagePositionPatient")
    if not isinstance(position, list) or len(position) != 3:
        raise GeometryError(f"slice {index + 1} has no Image Position (Patient)")
    expected = np.array(geometry.origin) + index * geometry.spacing[0] * np.array(geometry.normal)
    off = float(np.linalg.norm(np.array(position, dtype=np.float64) - expected))
    if off > _OFF_PLACE * geometry.spacing[0]:
        raise GeometryError(f"slice {index + 1} lies {off:.3g} mm off its place in the stack")


def _decoded(image: Image, frame: int, index: int) -> tuple[npt.NDArray[np.float64], float | None]:
    try:
        return image.signal(frame)
    except (
        AttributeError,
        IndexError,
        KeyError,
        NotImplementedError,
        OSError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise GeometryError(f"the pixels of slice {index + 1} cannot be decoded ({type(error).__name__})") from error
