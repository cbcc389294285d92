"""Read the slices of a stack into one array of true signal."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pixel_array

from dicomnode.dicom import header, scaling
from dicomnode.dicom.physics import contrast_agent, field_strength, number
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


def read(paths: Sequence[Path], geometry: Geometry) -> tuple[npt.NDArray[np.float32], Acquisition]:
    """Array and acquisition physics of a stack.

    Parameters
    ----------
    paths : sequence of Path
        DICOM files in slice order.
    geometry : Geometry
        Of the stack; each file is checked against it.

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
    for index, path in enumerate(paths):
        file = path.read_bytes()
        facts = header.read(*header.data_set_of(file)).facts
        _check_place(facts, geometry, index)
        acquisition = acquisition or acquisition_of(facts)
        array[index], scale = _signal(file, geometry.shape[1:], index)
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


def _signal(file: bytes, size: tuple[int, ...], index: int) -> tuple[npt.NDArray[np.float64], float | None]:
    """True signal of one slice, and the Philips scale slope that went into it."""
    try:
        data_set = dcmread(BytesIO(file))
        _drop_excess_padding(data_set)
        pixels = pixel_array(data_set)
        scaled = scaling.of(data_set)
    except (AttributeError, KeyError, NotImplementedError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise GeometryError(f"the pixels of slice {index + 1} cannot be decoded ({type(error).__name__})") from error
    if pixels.shape != size:
        raise GeometryError(f"slice {index + 1} decodes to {pixels.shape} pixels, not {size}")
    return scaled.signal(pixels), scaled.scale


def _drop_excess_padding(data_set: Dataset) -> None:
    """Cut native pixel data to its size: some writers pad it, and pydicom would warn in every thread's place."""
    if not data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        size = data_set.Rows * data_set.Columns * data_set.SamplesPerPixel * data_set.BitsAllocated // 8
        data_set.PixelData = data_set.PixelData[: size + size % 2]
