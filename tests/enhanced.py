"""Turn classic MR images into one Enhanced MR image that says the same (PS3.3 A.36)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedMRImageStorage

_PHILIPS = 0x2005
_PULSES = {"GR": "GRADIENT", "SE": "SPIN"}
_MOVED = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("EchoTime", "EchoNumbers", "RepetitionTime", "FlipAngle", "EchoTrainLength", "ImagingFrequency", "ImagedNucleus"),
    *("ScanningSequence", "SequenceVariant", "ScanOptions", "RescaleSlope", "RescaleIntercept", "RescaleType"),
    *("InstanceNumber", "SequenceName", "AcquisitionDate", "AcquisitionTime"),
)


def enhance(paths: Sequence[Path], target: Path, *, seed: int = 0) -> Path:
    """Write the images of one series as the frames of one file, in an order that owes nothing to their places."""
    images = [dcmread(path) for path in paths]
    Random(seed).shuffle(images)
    enhanced = dcmread(paths[0])
    for keyword in _MOVED:
        enhanced.pop(keyword, None)
    for element in [e for e in enhanced if e.tag.is_private]:
        del enhanced[element.tag]
    first = images[0]
    enhanced.SOPClassUID = enhanced.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    enhanced.SOPInstanceUID = enhanced.file_meta.MediaStorageSOPInstanceUID = f"{first.SeriesInstanceUID[:60]}.1"
    enhanced.NumberOfFrames = len(images)
    enhanced.PixelData = b"".join(image.PixelData for image in images)
    enhanced.ImageType = [*first.ImageType[:2], "T1", "MIXED"]
    enhanced.AcquisitionDateTime = f"{first.AcquisitionDate}{first.AcquisitionTime}"
    enhanced.EchoPulseSequence = _PULSES[first.ScanningSequence]
    enhanced.EchoPlanarPulseSequence = "NO"
    enhanced.ResonantNucleus = "1H"
    enhanced.SharedFunctionalGroupsSequence = [_shared(first)]
    enhanced.PerFrameFunctionalGroupsSequence = [_frame(image) for image in images]
    enhanced.save_as(target)
    return target


def _shared(image: Dataset) -> Dataset:
    groups = Dataset()
    groups.MRTimingAndRelatedParametersSequence = [_part(image, "RepetitionTime", "FlipAngle", "EchoTrainLength")]
    modifier = Dataset()
    modifier.TransmitterFrequency = float(image.ImagingFrequency)
    groups.MRImagingModifierSequence = [modifier]
    groups.PixelMeasuresSequence = [_part(image, "PixelSpacing", "SliceThickness")]
    groups.PlaneOrientationSequence = [_part(image, "ImageOrientationPatient")]
    return groups


def _frame(image: Dataset) -> Dataset:
    groups = Dataset()
    echo, kind, scaling = Dataset(), Dataset(), Dataset()
    echo.EffectiveEchoTime = float(image.EchoTime)
    kind.FrameType = image.ImageType
    scaling.RescaleSlope = image.get("RescaleSlope", 1)
    scaling.RescaleIntercept = image.get("RescaleIntercept", 0)
    groups.MREchoSequence = [echo]
    groups.MRImageFrameTypeSequence = [kind]
    groups.PixelValueTransformationSequence = [scaling]
    groups.PlanePositionSequence = [_part(image, "ImagePositionPatient")]
    if (0x2005, 0x100E) in image:
        inner = _part(image, "ScanningSequence")
        # Philips repeats the classic header of each frame, with a position that is not the frame's
        inner.ImagePositionPatient = [0, 0, 0]
        block = inner.private_block(_PHILIPS, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", image[0x2005, 0x100E].value)
        groups.private_block(_PHILIPS, "Philips MR Imaging DD 005", create=True).add_new(0x0F, "SQ", [inner])
    return groups


def _part(image: Dataset, *keywords: str) -> Dataset:
    part = Dataset()
    for keyword in keywords:
        part[keyword] = image[keyword]
    return part
