"""Segmentations as workstations send them, written attribute by attribute so that each may be odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.pixels.utils import pack_bits
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode.domain.stack import Geometry
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, LIVER, Code
from tests.builders import uid

BINARY, LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
SIDES = {"L": Code("7771000", "SCT", "Left"), "R": Code("24028007", "SCT", "Right")}
_COPIED = (
    *("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate"),
    *("PatientSex", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One segment."""

    label: str = "Liver"
    category: Code = ANATOMICAL_STRUCTURE
    type: Code = LIVER
    region: Code | None = None
    side: Literal["", "L", "R"] = ""
    tracking_id: str = "structure"


def draw(
    target: Path,
    sources: Sequence[Path],
    geometry: Geometry,
    labels: npt.NDArray[np.uint8],
    *,
    structures: Sequence[Structure] = (Structure(),),
    kind: Literal["BINARY", "LABELMAP"] = "BINARY",
    empty_frames: bool = False,
    seed: int = 0,
    series: str = "drawn",
    attributes: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
) -> Path:
    """Write a segmentation of some images.

    Parameters
    ----------
    sources : sequence of Path
        Images of one series that it says it was made on.
    geometry : Geometry
        Of the frames; any grid in the images' frame of reference.
    labels : (z, y, x) uint8
        On that grid; n is the n-th structure.
    empty_frames : bool
        Write frames that hold nothing as well.
    seed : int
        Of the order in which the frames are written.
    """
    first = dcmread(sources[0], stop_before_pixels=True)
    image = Dataset()
    for keyword in _COPIED:
        setattr(image, keyword, first.get(keyword))
    image.SOPClassUID = LABEL_MAP if kind == "LABELMAP" else BINARY
    image.SOPInstanceUID = uid("instance", first.StudyInstanceUID, series)
    image.SeriesInstanceUID = uid("series", first.StudyInstanceUID, series)
    image.SeriesNumber, image.InstanceNumber, image.Modality = 77, 1, "SEG"
    image.Manufacturer, image.ManufacturerModelName = "Example Workstations", "Drawer"
    image.ContentDate, image.ContentTime = "20240229", "120000"
    image.ContentLabel, image.ContentCreatorName = "DRAWN", "Reader^One"
    image.SegmentationType, image.SegmentsOverlap = kind, "NO"
    image.ImageType = ["DERIVED", "PRIMARY"]
    image.ReferencedSeriesSequence = [_made_on(first, sources)]
    image.SegmentSequence = [_described(one, number) for number, one in enumerate(structures, start=1)]
    image.SharedFunctionalGroupsSequence = [_shared(geometry)]
    numbers = [0] if kind == "LABELMAP" else range(1, len(structures) + 1)
    frames = [(z, n) for n in numbers for z in range(len(labels))]
    shown = {(z, n): (labels[z] if n == 0 else labels[z] == n) for z, n in frames}
    kept = [frame for frame in frames if empty_frames or shown[frame].any()] or frames[:1]
    Random(seed).shuffle(kept)
    image.PerFrameFunctionalGroupsSequence = [_frame(geometry, z, number) for z, number in kept]
    _pixels(image, np.stack([shown[frame] for frame in kept]).astype(np.uint8))
    for keyword, value in (attributes or {}).items():
        setattr(image, keyword, value)
    for keyword in without:
        delattr(image, keyword)
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(target, image, enforce_file_format=True)
    return target


def _pixels(image: Dataset, frames: npt.NDArray[np.uint8]) -> None:
    bits = 1 if image.SegmentationType == "BINARY" else 8
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.NumberOfFrames, image.Rows, image.Columns = frames.shape
    image.BitsAllocated = image.BitsStored = bits
    image.HighBit, image.PixelRepresentation = bits - 1, 0
    image.PixelData = pack_bits(frames.ravel(), pad=True) if bits == 1 else frames.tobytes() + b"\0" * (frames.size % 2)


def _made_on(first: Dataset, sources: Sequence[Path]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = first.SeriesInstanceUID
    item.ReferencedInstanceSequence = []
    for source in sources:
        header = dcmread(source, stop_before_pixels=True, specific_tags=["SOPClassUID", "SOPInstanceUID"])
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
        item.ReferencedInstanceSequence.append(reference)
    return item


def _described(structure: Structure, number: int) -> Dataset:
    item = Dataset()
    item.SegmentNumber, item.SegmentLabel, item.SegmentAlgorithmType = number, structure.label, "MANUAL"
    item.TrackingID, item.TrackingUID = structure.tracking_id, uid("tracking", number)
    item.SegmentedPropertyCategoryCodeSequence = [_coded(structure.category)]
    item.SegmentedPropertyTypeCodeSequence = [_coded(structure.type)]
    if structure.side:
        item.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [
            _coded(SIDES[structure.side])
        ]
    if structure.region:
        item.AnatomicRegionSequence = [_coded(structure.region)]
    return item


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme, code.meaning
    return item


def _shared(geometry: Geometry) -> Dataset:
    groups, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.SliceThickness = measures.SpacingBetweenSlices = geometry.spacing[0]
    measures.PixelSpacing = list(geometry.spacing[1:])
    orientation.ImageOrientationPatient = [round(value, 9) for value in (*geometry.row, *geometry.column)]
    groups.PixelMeasuresSequence, groups.PlaneOrientationSequence = [measures], [orientation]
    return groups


def _frame(geometry: Geometry, z: int, number: int) -> Dataset:
    groups, position = Dataset(), Dataset()
    step = z * geometry.spacing[0]
    position.ImagePositionPatient = [
        round(o + step * n, 6) for o, n in zip(geometry.origin, geometry.normal, strict=True)
    ]
    groups.PlanePositionSequence = [position]
    if number:
        identified = Dataset()
        identified.ReferencedSegmentNumber = number
        groups.SegmentIdentificationSequence = [identified]
    return groups
