"""Synthetic exams of the nasopharynx as a scanner writes them: DICOM files of T1, T2 and contrast-enhanced T1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from benchmarks.triage.physics import Sequence
from benchmarks.triage.scans import COARSE, exam
from dicomnode.sdk import Volume

ROOT = "1.2.826.0.1.3680043.8.498.9"
SERIES: dict[Sequence, dict[str, Any]] = {
    "t1": {"SeriesDescription": "T1 TSE TRA", "RepetitionTime": 550.0, "EchoTime": 11.0},
    "t2": {"SeriesDescription": "T2 TSE TRA", "RepetitionTime": 4200.0, "EchoTime": 90.0},
    "t1c": {
        "SeriesDescription": "T1 TSE TRA +C",
        "RepetitionTime": 550.0,
        "EchoTime": 11.0,
        "ContrastBolusAgent": "Gadobutrol",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The files of one exam by series, in the order of their slices, and what the patient has."""

    study: str
    accession: str
    patient: str
    series: dict[str, list[Path]]
    kind: str


def write(folder: Path, number: int, like: int | None = None) -> Written:
    """Write exam ``number``; with ``like`` its pixels are those of another patient of the cohort."""
    return write_volumes(folder, number, *exam(number if like is None else like, 14, grid=COARSE))


def write_volumes(folder: Path, number: int, volumes: Mapping[Sequence, Volume], kind: str) -> Written:
    """Write the three series of one patient."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Written(
        study=f"{ROOT}.{number + 1}", accession=f"R{number:05}", patient=f"NPC{number}", series={}, kind=kind
    )
    for place, (name, facts) in enumerate(SERIES.items(), start=1):
        volume = volumes[name]
        paths = [folder / f"{number}-{name}-{position:03}.dcm" for position in range(volume.array.shape[0])]
        for position, path in enumerate(paths):
            dcmwrite(path, _image(made, volume, position, place, facts), enforce_file_format=True)
        made.series[name] = paths
    return made


def again(made: Written, folder: Path, number: int, series: Mapping[str, list[Path]]) -> Written:
    """Some series of an exam as another patient's, for many exams in little time."""
    from pydicom import dcmread

    folder.mkdir(parents=True, exist_ok=True)
    other = replace(made, study=f"{ROOT}.{number + 1}", accession=f"R{number:05}", patient=f"NPC{number}", series={})
    for name, paths in series.items():
        other.series[name] = []
        for path in paths:
            image = dcmread(path)
            for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
                setattr(image, keyword, str(image[keyword].value).replace(f"{made.study}.", f"{other.study}.", 1))
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            image.StudyInstanceUID, image.AccessionNumber, image.PatientID = other.study, other.accession, other.patient
            new = folder / path.name.replace(path.name.split("-")[0], str(number), 1)
            dcmwrite(new, image, enforce_file_format=True)
            other.series[name].append(new)
    return other


def _image(made: Written, volume: Volume, position: int, place: int, facts: dict[str, Any]) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = f"{made.study}.{place}.{position + 1}"
    image.StudyInstanceUID, image.SeriesInstanceUID = made.study, f"{made.study}.{place}"
    image.FrameOfReferenceUID = f"{made.study}.0"
    image.PatientID, image.PatientName, image.PatientBirthDate, image.PatientSex = made.patient, "Phantom^Neck", "", "O"
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "1", made.accession, ""
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20260101"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = f"10{place}000"
    image.StudyDescription, image.StationName, image.Manufacturer = "MR NPC follow-up", "MR1", "SIEMENS"
    image.Modality, image.SeriesNumber, image.InstanceNumber = "MR", place, position + 1
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
    image.MRAcquisitionType, image.MagneticFieldStrength = "2D", 1.5
    image.ScanningSequence, image.SequenceVariant, image.EchoTrainLength, image.FlipAngle = "SE", "SK", 12, 150.0
    image.ScanOptions, image.PatientPosition, image.BodyPartExamined = "", "HFS", "HEADNECK"
    image.PositionReferenceIndicator = ""
    for keyword, value in facts.items():
        setattr(image, keyword, value)
    slices, rows, columns = volume.spacing
    image.PixelSpacing, image.SliceThickness, image.SpacingBetweenSlices = [rows, columns], slices, slices
    image.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    image.ImagePositionPatient = [round(float(value), 5) for value in (volume.affine @ (0, 0, position, 1))[:3]]
    plane = volume.array[position].astype("uint16")
    image.Rows, image.Columns = plane.shape
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.ImagesInAcquisition = volume.array.shape[0]
    image.PixelData = plane.tobytes()
    return image
