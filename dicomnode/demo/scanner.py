"""Write the images of a synthetic exam as a scanner would: classic MR images (PS3.3 A.4), one file a slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode.domain.identity import digest_of
from dicomnode.domain.stack import Geometry

Vendor = Literal["ge", "siemens", "philips"]

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
_MEGAHERTZ_PER_TESLA = 42.577
_MANUFACTURERS = {"ge": "GE MEDICAL SYSTEMS", "siemens": "SIEMENS", "philips": "Philips Medical Systems"}
_PHILIPS_SLOPE = 2.4  # Rescale Slope
_PHILIPS_SCALE = {"in-phase": 0.0125, "opposed-phase": 0.011}  # MR Scale Slope: stored value over true signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Echo:
    """One echo of an exam and all that its headers say."""

    pixels: npt.NDArray[np.float32]
    """(z, y, x) true signal, 0 to 4095."""
    geometry: Geometry
    echo_time: float
    """ms."""
    field_strength: float
    """T."""
    phase: str
    """``in-phase`` or ``opposed-phase``: what the labels say."""
    number: int
    """Order in which the echoes were read."""
    study: str
    """Name that the Study Instance UID follows from."""
    series: str
    """Name, unique in the study, that the Series Instance UID follows from."""
    frame: str
    """Name that the Frame of Reference UID follows from."""
    series_number: int
    left_out: tuple[int, ...] = ()
    """Slices that were never sent."""
    attributes: Mapping[str, object] = field(default_factory=dict)
    """By keyword, over what the vendor writes."""


def write(folder: Path, echoes: Iterable[Echo], vendor: Vendor, patient_id: str) -> list[Path]:
    """Write all slices of all echoes into a folder; the same input gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, image in enumerate(_images(echoes, vendor, patient_id), start=1):
        paths.append(folder / f"{number:04}.dcm")
        dcmwrite(paths[-1], image, enforce_file_format=True)
    return paths


def _images(echoes: Iterable[Echo], vendor: Vendor, patient_id: str) -> Iterator[Dataset]:
    for echo in echoes:
        for index, plane in enumerate(echo.pixels):
            if index in echo.left_out:
                continue
            image = _identity(echo, index, patient_id)
            _acquisition(image, echo, vendor)
            _place(image, echo.geometry, index)
            _pixels(image, plane, echo, vendor)
            for keyword, value in echo.attributes.items():
                setattr(image, keyword, value)
            yield image


def uid(*names: object) -> str:
    """A UID that follows from names (PS3.5 B.2)."""
    return f"2.25.{int(digest_of(map(str, ('phantom', *names)))[:32], 16)}"


def _identity(echo: Echo, index: int, patient_id: str) -> Dataset:
    """A patient whom nobody can mistake for a real one."""
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    image.SOPClassUID = MR_IMAGE_STORAGE
    image.SOPInstanceUID = uid("instance", echo.study, echo.series, echo.number, index)
    image.StudyInstanceUID = uid("study", echo.study)
    image.SeriesInstanceUID = uid("series", echo.study, echo.series)
    image.FrameOfReferenceUID = uid("frame", echo.frame)
    image.PositionReferenceIndicator = None
    image.PatientName, image.PatientID, image.IssuerOfPatientID = "Phantom^Liver", patient_id, "DICOMNODE DEMO"
    image.PatientBirthDate, image.PatientSex = "20100101", "O"
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20260105"
    image.StudyTime, image.SeriesTime, image.AcquisitionTime, image.ContentTime = "100000", "100100", "100130", "100200"
    image.AccessionNumber, image.StudyID, image.ReferringPhysicianName = "DEMO", "1", None
    image.StudyDescription = "Synthetic abdomen"
    image.SeriesNumber, image.AcquisitionNumber = echo.series_number, 1
    image.InstanceNumber = (echo.number - 1) * len(echo.pixels) + index + 1
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return image


def _acquisition(image: Dataset, echo: Echo, vendor: Vendor) -> None:
    in_phase = echo.phase == "in-phase"
    image.Modality, image.BodyPartExamined, image.PatientPosition = "MR", "LIVER", "HFS"
    image.Manufacturer, image.ManufacturerModelName = _MANUFACTURERS[vendor], "Synthetic"
    image.MagneticFieldStrength = echo.field_strength
    image.ImagingFrequency = round(echo.field_strength * _MEGAHERTZ_PER_TESLA, 4)
    image.ImagedNucleus = "1H"
    image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "GR", "SP", None
    image.MRAcquisitionType, image.SequenceName = "2D", "dual echo"
    image.RepetitionTime, image.FlipAngle, image.EchoTrainLength = 150.0, 70.0, 2
    image.EchoTime, image.EchoNumbers = echo.echo_time, echo.number
    match vendor:
        case "ge":
            image.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
            image.SeriesDescription = "AX T1 DUAL ECHO"
        case "siemens":
            image.ImageType = ["ORIGINAL", "PRIMARY", "M", "IN_PHASE" if in_phase else "OUT_PHASE", "NORM"]
            image.SeriesDescription = "t1_fl2d_opp-in_tra"
        case "philips":
            image.ImageType = ["ORIGINAL", "PRIMARY", "IP" if in_phase else "OP", "M", "FFE"]
            image.SeriesDescription = "T1 DUAL FFE BH"


def _place(image: Dataset, geometry: Geometry, index: int) -> None:
    slices, rows, columns = geometry.spacing
    image.ImagePositionPatient = [
        round(origin + index * slices * normal, 6)
        for origin, normal in zip(geometry.origin, geometry.normal, strict=True)
    ]
    image.ImageOrientationPatient = [*geometry.row, *geometry.column]
    image.PixelSpacing = [rows, columns]
    image.SliceThickness = image.SpacingBetweenSlices = slices


def _pixels(image: Dataset, plane: npt.NDArray[np.float32], echo: Echo, vendor: Vendor) -> None:
    """Stored values; Philips scales each echo by itself and says so in a private attribute."""
    brightest = float(np.percentile(echo.pixels, 99.5))
    if vendor == "philips":
        scale = _PHILIPS_SCALE[echo.phase]
        share = scale / max(_PHILIPS_SCALE.values())
        plane = plane * np.float32(share)
        brightest *= share * _PHILIPS_SLOPE
        image.RescaleSlope, image.RescaleIntercept, image.RescaleType = _PHILIPS_SLOPE, 0.0, "US"
        image.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(0x0E, "FL", scale)
    stored = np.clip(np.rint(plane), 0, 4095).astype("<u2")
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = stored.shape
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    image.WindowCenter, image.WindowWidth = round(brightest / 2), max(1, round(brightest))
    image.PixelData = stored.tobytes()
