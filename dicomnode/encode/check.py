"""Nothing leaves unproven: finished bytes are read back and held against the sources and the findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO

import numpy as np
from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.errors import InvalidDicomError
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode.domain.identity import SOPInstanceUID
from dicomnode.domain.stack import Geometry
from dicomnode.domain.task import ResultKind, ResultObject
from dicomnode.encode import alignment, grid, roundtrip, rtstruct
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context
from dicomnode.encode.series import Series
from dicomnode.encode.sources import IDENTITY, PERSON, Sources, differing
from dicomnode.encode.work import Work
from dicomnode.errors import CheckFailed
from dicomnode.sdk.findings import (
    DerivedImage,
    ParametricMap,
    Presentation,
    Registration,
    SecondaryCapture,
    Segmentation,
)

_ALL = (
    "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber", "Modality",
    "InstanceNumber", "Manufacturer", "SpecificCharacterSet", "ContributingEquipmentSequence",
)  # fmt: skip
_EVERY = (*_ALL, "ContentDate", "ContentTime")
_PIXELS = ("ImageType", "Rows", "Columns", "BitsAllocated", "PhotometricInterpretation", "PixelData")
_PLANE = ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
_MULTI_FRAME = (
    "FrameOfReferenceUID", "DimensionOrganizationSequence", "DimensionIndexSequence", "NumberOfFrames", "Rows",
    "Columns", "BitsAllocated", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "ContentLabel",
    "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "ReferencedSeriesSequence",
)  # fmt: skip
_DOCUMENT = ("ValueType", "ConceptNameCodeSequence", "ContentSequence", "CurrentRequestedProcedureEvidenceSequence")
REQUIRED: Mapping[ResultKind, tuple[str, ...]] = {
    "SEG": (*_EVERY, *_MULTI_FRAME, "SegmentSequence", "SegmentationType", "PixelData"),
    "LABELMAP": (*_EVERY, *_MULTI_FRAME, "SegmentSequence", "SegmentationType", "PixelData", "PixelPaddingValue"),
    "PM16": (*_EVERY, *_MULTI_FRAME, "ContentCreatorName", "PixelData", "PixelPaddingValue", "ContentQualification"),
    "PM": (*_EVERY, *_MULTI_FRAME, "ContentCreatorName", "FloatPixelData", "ContentQualification"),
    "SC": (*_EVERY, *_PIXELS, "ConversionType"),
    "MR": (*_EVERY, *_PIXELS, *_PLANE, "ScanningSequence", "SequenceVariant", "SourceImageSequence"),
    "RTSTRUCT": (
        *_ALL, "StructureSetLabel", "StructureSetDate", "StructureSetTime", "ReferencedFrameOfReferenceSequence",
        "StructureSetROISequence", "ROIContourSequence", "RTROIObservationsSequence",
    ),
    "REG": (*_EVERY, "FrameOfReferenceUID", "ContentLabel", "RegistrationSequence", "ReferencedSeriesSequence"),
    "PR": (
        *_ALL, "ContentLabel", "PresentationCreationDate", "PresentationCreationTime", "ReferencedSeriesSequence",
        "DisplayedAreaSelectionSequence",
    ),
    "SR": (*_EVERY, *_DOCUMENT, "CompletionFlag", "VerificationFlag"),
    "SR-VIEWER": (*_EVERY, *_DOCUMENT, "CompletionFlag", "VerificationFlag"),
    "KOS": (*_EVERY, *_DOCUMENT),
    "PDF": (
        *_EVERY, "ConversionType", "BurnedInAnnotation", "DocumentTitle", "MIMETypeOfEncapsulatedDocument",
        "EncapsulatedDocument", "EncapsulatedDocumentLength",
    ),
}  # fmt: skip
"""Attributes that must be there with a value: type 1 of PS3.3, and type 2 that readers insist on."""

_INSTANCE = Tag("ReferencedSOPInstanceUID")
_BEGINNING = 64  # bytes

_FIRST_SLICE = 0.1
"""How far the corners of the first slice may lie from the grid's, mm: the grid was laid by them."""


def check_sources(sources: Sources, work: Work) -> None:
    """Prove that the inputs are one patient's and lie in slice order on their grids.

    Raises
    ------
    CheckFailed
        When they do not.
    """
    for role, headers in sources.by_role.items():
        keywords = PERSON if role in sources.priors else IDENTITY
        for header in headers:
            if different := differing(header, sources.first, keywords):
                raise CheckFailed(f"the input images differ in {', '.join(different)}; no result may speak for both")
    for segmentation in sources.segmentations.values():
        stated = [keyword for keyword in ("StudyInstanceUID", *PERSON) if segmentation.get(keyword)]
        if different := differing(segmentation, sources.first, [k for k in stated if sources.first.get(k)]):
            raise CheckFailed(f"a segmentation differs from the input images in {', '.join(different)}")
    for role, headers in sources.by_role.items():
        geometry = work.geometry[role]
        if len(headers) != geometry.shape[0]:
            raise CheckFailed(f"input {role!r} has {len(headers)} images for {geometry.shape[0]} slices")
        for number, header in enumerate(headers):
            _on_grid(header, geometry, number, f"image {number + 1} of input {role!r}")


def check_replaced(replaced: Dataset | None, sources: Sources) -> None:
    """Prove that a report takes the place of one of the same patient and study.

    Raises
    ------
    CheckFailed
        When it does not.
    """
    if replaced is not None and (different := differing(replaced, sources.first)):
        raise CheckFailed(f"the report to be replaced differs in {', '.join(different)} from the input images")


def _on_grid(header: Dataset, geometry: Geometry, number: int, name: str) -> None:
    """The first slice is where the grid is; the others follow in its order, at their height."""
    if (header.Rows, header.Columns) != geometry.shape[1:]:
        raise CheckFailed(f"{name} has not the grid's rows and columns")
    place, expected = grid.slice_corners(header), grid.grid_corners(geometry, number)
    if number == 0 and (distance := grid.apart(place, expected)) > _FIRST_SLICE:
        raise CheckFailed(f"{name} lies {distance:.2f} mm off its grid")
    if (height := abs(float(np.dot(place[0] - expected[0], geometry.normal)))) > geometry.spacing[0] / 2:
        raise CheckFailed(f"{name} lies {height:.2f} mm above or below its place in the grid")


def check(results: Sequence[ResultObject], contents: Contents, context: Context, series: Sequence[Series]) -> None:
    """Prove every object of a task, from its finished bytes alone.

    Identity is that of all sources; UIDs are the derived ones; every reference leads to a source or to a sibling;
    required attributes are there; frames lie within 0.01 mm of their source slices; masks, maps, pictures and
    numbers read back as the plugin gave them.

    Raises
    ------
    CheckFailed
        With the object's kind and what does not hold.
    """
    datasets = {result.sop_instance_uid: _read(result) for result in results}
    expected = {uid: place for place in series for uid in _uids(place)}
    if sorted(datasets) != sorted(expected) or len(results) != len(expected):
        raise CheckFailed("the objects of the task do not have the SOP Instance UIDs derived from it")
    known = {
        str(instance.SOPInstanceUID): str(instance.SOPClassUID)
        for instance in (
            *context.sources.everything(),
            *datasets.values(),
            *([context.replaces] if context.replaces else []),
        )
    }
    known[str(context.sources.first.StudyInstanceUID)] = rtstruct.STUDY
    followed: set[bytes] = set()
    for result in results:
        dataset = datasets[result.sop_instance_uid]
        place = expected[result.sop_instance_uid]
        _attributes(dataset, result, place)
        _identity(dataset, context.sources, result.kind)
        _references(dataset, known, result.kind, followed)
    _read_back(datasets, contents, context, series)


def _read_back(
    datasets: Mapping[SOPInstanceUID, Dataset], contents: Contents, context: Context, series: Sequence[Series]
) -> None:
    """Hold what a reader gets against what the plugin gave."""
    images: dict[str, Sequence[Dataset]] = dict(context.sources.by_role)
    segmentations: list[Dataset] = []
    for place in series:
        read = [datasets[uid] for uid in _uids(place)]
        match place.kind, place.finding:
            case "SEG" | "LABELMAP", Segmentation() as finding:
                roundtrip.segmentation(read[0], finding, context)
                segmentations += read if place.kind == "SEG" else ()
            case "RTSTRUCT", Segmentation() as finding:
                roundtrip.contours(read[0], finding, context)
            case "PM", ParametricMap() as finding:
                roundtrip.parametric_map(read[0], finding, context)
            case "PM16", ParametricMap() as finding:
                roundtrip.counted_map(read[0], finding, context)
            case "SC", SecondaryCapture() as finding:
                roundtrip.capture(read, finding, context)
            case "MR", DerivedImage() as finding:
                alignment.derived(read, finding, context)
                images[finding.title] = read
            case "REG", Registration() as finding:
                alignment.registration(read[0], finding, context)
            case "PR", Presentation() as finding:
                alignment.presentation(read[0], finding, images)
            case kind, _:
                _read_document(kind, read[0], segmentations, contents, context)


def _read_document(
    kind: ResultKind, read: Dataset, segmentations: Sequence[Dataset], contents: Contents, context: Context
) -> None:
    """Hold what speaks of the whole task against its findings."""
    match kind:
        case "SR":
            roundtrip.report(read, segmentations, contents, context)
        case "SR-VIEWER":
            roundtrip.lines(read, contents)
        case "KOS":
            roundtrip.selection(read, contents, context)
        case "PDF":
            roundtrip.paper(read, contents, context)


def _read(result: ResultObject) -> Dataset:
    try:
        dataset = dcmread(BytesIO(result.content))
    except InvalidDicomError as error:
        raise CheckFailed(f"{result.kind}: the bytes are not a DICOM file") from error
    meta = dataset.file_meta
    if meta.TransferSyntaxUID != ExplicitVRLittleEndian:
        raise CheckFailed(f"{result.kind}: not Explicit VR Little Endian")
    if not (meta.MediaStorageSOPInstanceUID == dataset.get("SOPInstanceUID") == result.sop_instance_uid):
        raise CheckFailed(f"{result.kind}: file, data set and result object do not name the same SOP instance")
    if not (meta.MediaStorageSOPClassUID == dataset.get("SOPClassUID") == result.sop_class_uid):
        raise CheckFailed(f"{result.kind}: file, data set and result object do not name the same SOP class")
    return dataset


def _uids(place: Series) -> list[SOPInstanceUID]:
    """All SOP Instance UIDs a series must have."""
    match place.finding:
        case SecondaryCapture() as finding:
            count = len(finding.frames)
        case DerivedImage() as finding:
            count = len(finding.array)
        case _:
            count = 1
    return [SOPInstanceUID(place.instance_uid(number)) for number in range(1, count + 1)]


def _attributes(dataset: Dataset, result: ResultObject, place: Series) -> None:
    for keyword in REQUIRED[place.kind]:
        if not _has_value(dataset, keyword):
            raise CheckFailed(f"{result.kind}: {keyword} is missing")
    if result.kind != place.kind or dataset.SeriesInstanceUID != place.uid or dataset.SeriesNumber != place.number:
        raise CheckFailed(f"{result.kind}: the object is not in its own series")


def _has_value(dataset: Dataset, keyword: str) -> bool:
    """Whether an attribute is there and not empty; more than padding at the beginning of its bytes settles it."""
    tag = Tag(keyword)
    if tag not in dataset:
        return False
    element = dataset.get_item(tag)
    if element.is_raw and element.value and element.value[:_BEGINNING].strip(b" \0"):
        return True
    return not dataset[tag].is_empty


def _identity(dataset: Dataset, sources: Sources, kind: str) -> None:
    """One source stands for all: :func:`check_sources` has proven that they agree."""
    if different := differing(dataset, sources.first):
        raise CheckFailed(f"{kind}: {', '.join(different)} is not that of the source images")


def _references(dataset: Dataset, known: Mapping[str, str], kind: str, followed: set[bytes]) -> None:
    for item in _items(dataset, followed):
        uid = str(item[_INSTANCE].value or "") if _INSTANCE in item else ""
        if uid and uid not in known:
            raise CheckFailed(f"{kind}: refers to an instance that is neither a source nor a result of this task")
        if uid and item.get("ReferencedSOPClassUID") != known[uid]:
            raise CheckFailed(f"{kind}: names a wrong SOP class for an instance it refers to")


def _items(dataset: Dataset, followed: set[bytes]) -> Iterator[Dataset]:
    """All items of all sequences, however deep; codes refer to nothing, and what is no sequence stays undecoded.

    Sequences of bytes that were ``followed`` before, in this object or another one, are not followed again.
    """
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if element.VR != "SQ" or keyword_for_tag(tag).endswith("CodeSequence"):
            continue
        if element.is_raw and element.value:
            if element.value in followed:
                continue
            followed.add(element.value)
        for item in dataset[tag].value:
            yield item
            yield from _items(item, followed)
