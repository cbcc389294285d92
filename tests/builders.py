"""Small synthetic MR series, written as Part 10 files, for tests that need inputs of a known kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicomnode.domain.identity import digest_of
from dicomnode.domain.stack import Geometry, Vector

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"

Directions = tuple[Vector, Vector]
"""Of a row and of a column."""

AXIAL: Directions = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
CORONAL: Directions = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
SAGITTAL: Directions = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))


def uid(*name: object) -> str:
    """A UID that follows from a name: tests compare UIDs between runs."""
    return f"2.25.{int(digest_of(map(str, name))[:32], 16)}"


def grid(
    shape: tuple[int, int, int] = (4, 16, 20),
    *,
    origin: Vector = (-30.0, -40.0, 10.0),
    spacing: Vector = (5.0, 2.0, 1.5),
    orientation: Directions = AXIAL,
) -> Geometry:
    """A grid with its normal along row x column; the column is made upright to the row."""
    row = np.asarray(orientation[0], float) / np.linalg.norm(orientation[0])
    column = np.asarray(orientation[1], float)
    column -= row * np.dot(row, column)
    column /= np.linalg.norm(column)
    return Geometry(
        shape=shape,
        origin=origin,
        spacing=spacing,
        row=_vector(row),
        column=_vector(column),
        normal=_vector(np.cross(row, column)),
    )


def pixels(shape: tuple[int, int, int], seed: int = 0) -> npt.NDArray[np.uint16]:
    """(z, y, x) noise below 4096."""
    return np.random.default_rng(seed).integers(0, 4096, shape, dtype=np.uint16)


def mr_series(
    folder: Path,
    *,
    geometry: Geometry | None = None,
    array: npt.NDArray[np.uint16] | None = None,
    series: str = "in-phase",
    study: str = "study",
    patient: str = "TEST-1",
    echo_time: float = 4.6,
    image_type: Sequence[str] = ("ORIGINAL", "PRIMARY", "M_FFE", "M", "FFE"),
    character_set: str | Sequence[str] | None = "ISO_IR 100",
    transfer_syntax: str = ExplicitVRLittleEndian,
    attributes: Mapping[str, object] | None = None,
    without: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Write a series of classic MR images, one file a slice, and return the files in slice order.

    Parameters
    ----------
    folder : Path
        Made when it is not there; files are ``<series>-0001.dcm`` and so on.
    geometry : Geometry, optional
        Defaults to :func:`grid`.
    array : (z, y, x) uint16, optional
        Defaults to noise.
    series, study, patient : str
        Names that the UIDs and the Patient ID follow from; equal names give equal UIDs.
    echo_time : float
        ms.
    character_set
        Specific Character Set in which the texts are encoded; None leaves it out.
    attributes, without
        Attributes by keyword to set over the built ones, and such to delete.
    """
    geometry = geometry or grid()
    array = pixels(geometry.shape) if array is None else array
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, plane in enumerate(array):
        image = _image(geometry, number, plane, series, study, patient)
        image.EchoTime = echo_time
        image.ImageType = list(image_type)
        if character_set is not None:
            image.SpecificCharacterSet = character_set if isinstance(character_set, str) else list(character_set)
        for keyword, value in (attributes or {}).items():
            setattr(image, keyword, value)
        for keyword in without:
            delattr(image, keyword)
        paths.append(folder / f"{series}-{number + 1:04}.dcm")
        _write(image, paths[-1], transfer_syntax)
    return tuple(paths)


def _image(
    geometry: Geometry, number: int, plane: npt.NDArray[np.uint16], series: str, study: str, patient: str
) -> Dataset:
    image = Dataset()
    image.SOPClassUID = MR_IMAGE
    image.SOPInstanceUID = uid("instance", study, series, number)
    image.SeriesInstanceUID = uid("series", study, series)
    image.StudyInstanceUID = uid("study", study)
    image.FrameOfReferenceUID = uid("frame", study)
    image.PositionReferenceIndicator = None
    image.PatientID = patient
    image.IssuerOfPatientID = "CLINIC"
    image.PatientName = "Phantom^Test"
    image.PatientBirthDate = "19700102"
    image.PatientSex = "O"
    image.PatientWeight = "70"
    image.StudyDate, image.StudyTime = "20240229", "081500"
    image.SeriesDate, image.SeriesTime = "20240229", "082000"
    image.AcquisitionDate, image.AcquisitionTime = "20240229", "082130.5"
    image.ContentDate, image.ContentTime = "20240229", "082200"
    image.StudyID = "4711"
    image.AccessionNumber = "A123"
    image.ReferringPhysicianName = None
    image.StudyDescription = "MRI abdomen"
    image.SeriesDescription = series
    image.SeriesNumber = 3
    image.InstanceNumber = number + 1
    image.Modality = "MR"
    image.BodyPartExamined = "LIVER"
    image.PatientPosition = "HFS"
    image.Manufacturer = "Example"
    image.ManufacturerModelName = "Scanner 1.5"
    image.MagneticFieldStrength = 1.5
    image.ScanningSequence, image.SequenceVariant = "GR", "SP"
    image.ScanOptions = None
    image.MRAcquisitionType = "2D"
    image.RepetitionTime, image.FlipAngle = 132.4, 80
    image.EchoTrainLength, image.EchoNumbers = 1, 1
    _place(image, geometry, number)
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = plane.shape
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.PixelData = plane.astype("<u2").tobytes()
    return image


def _place(image: Dataset, geometry: Geometry, number: int) -> None:
    slices, rows, columns = geometry.spacing
    image.ImagePositionPatient = [
        round(origin + number * slices * normal, 6)
        for origin, normal in zip(geometry.origin, geometry.normal, strict=True)
    ]
    image.ImageOrientationPatient = [round(value, 9) for value in (*geometry.row, *geometry.column)]
    image.PixelSpacing = [rows, columns]
    image.SliceThickness = slices
    image.SpacingBetweenSlices = slices


def _write(image: Dataset, path: Path, transfer_syntax: str) -> None:
    syntax = UID(transfer_syntax)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax.is_compressed and not syntax.is_deflated:
        image.compress(syntax, generate_instance_uid=False)
    image.file_meta.TransferSyntaxUID = syntax
    if not syntax.is_little_endian:
        image.PixelData = np.frombuffer(image.PixelData, "<u2").astype(">u2").tobytes()
    dcmwrite(path, image, enforce_file_format=True)


def _vector(values: npt.NDArray[np.float64]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
