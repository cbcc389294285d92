"""A phantom pair as the files two series of a scanner would be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from benchmarks.fusion.pairs import Pair
from dicomnode.sdk import Volume

ROOT = "1.2.826.0.1.3680043.8.498.7"
_T1 = {"SeriesDescription": "COR CE-T1WI", "ScanningSequence": "GR", "SequenceVariant": "SP", "FlipAngle": 10.0}
_MRN = {
    "SeriesDescription": "COR CE-MRN",
    "ScanningSequence": ["SE", "IR"],
    "SequenceVariant": "SK",
    "FlipAngle": 120.0,
}
TIMINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "SIEMENS": (
        {"RepetitionTime": 5.54, "EchoTime": 2.46},
        {"RepetitionTime": 3000.0, "EchoTime": 287.0, "InversionTime": 220.0, "EchoTrainLength": 150},
    ),
    "Philips Medical Systems": (
        {"RepetitionTime": 4.1, "EchoTime": 1.49},
        {"RepetitionTime": 2000.0, "EchoTime": 230.0, "InversionTime": 260.0, "EchoTrainLength": 50},
    ),
}
"""By manufacturer, the study's Table 1."""


def write_pair(folder: Path, pair: Pair, manufacturer: str, study: int = 1) -> list[Path]:
    """Both series of one study, each in a frame of reference of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (volume, kind) in enumerate(((pair.t1, _T1), (pair.mrn, _MRN)), start=1):
        facts = {**kind, **TIMINGS[manufacturer][number - 1], "Manufacturer": manufacturer}
        for position in range(volume.array.shape[0]):
            path = folder / f"{study}-{number}-{position:03}.dcm"
            dcmwrite(path, image_of(volume, position, number, study, facts), enforce_file_format=True)
            paths.append(path)
    return paths


def image_of(volume: Volume, position: int, number: int, study: int, facts: dict[str, Any]) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = f"{ROOT}.{study}.{number}.{position + 1}"
    image.StudyInstanceUID, image.SeriesInstanceUID = f"{ROOT}.{study}", f"{ROOT}.{study}.{number}"
    image.FrameOfReferenceUID = f"{ROOT}.{study}.{number}.0.1"
    image.PatientID, image.PatientName, image.PatientBirthDate, image.PatientSex = f"FUS{study}", "Fusion^Pair", "", "O"
    image.StudyID, image.AccessionNumber, image.ReferringPhysicianName = "1", "", ""
    image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20260101"
    image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = f"10{number}000"
    image.Modality, image.SeriesNumber, image.InstanceNumber = "MR", number, position + 1
    image.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
    image.MRAcquisitionType, image.MagneticFieldStrength, image.ContrastBolusAgent = "3D", 3.0, "Gd-DTPA"
    image.ScanOptions, image.PatientPosition, image.BodyPartExamined = "", "HFS", "HEADNECK"
    image.PositionReferenceIndicator = ""
    for keyword, value in facts.items():
        setattr(image, keyword, value)
    slices, rows, columns = volume.spacing
    image.PixelSpacing, image.SliceThickness, image.SpacingBetweenSlices = [rows, columns], slices, slices
    across, down = volume.affine[:3, 0] / columns, volume.affine[:3, 1] / rows
    image.ImageOrientationPatient = [float(value) for value in (*across, *down)]
    place = volume.affine @ (0, 0, position, 1)
    image.ImagePositionPatient = [round(float(value), 5) for value in place[:3]]
    plane = volume.array[position]
    image.Rows, image.Columns = plane.shape
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelData = plane.astype(np.uint16).tobytes()
    image["PixelData"].VR = "OW"
    return image
