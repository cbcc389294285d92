"""Image library of a report: the images used, what they share said once (PS3.16 TID 1600 to 1604).

highdicom repeats every descriptor for every image: 4 kB a slice. Here a group holds what its images share; where each
lies is said by the image itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    ImageContentItem,
    NumContentItem,
    RelationshipTypeValues,
    UIDRefContentItem,
)
from pydicom import Dataset

from dicomnode.domain.stack import Geometry
from dicomnode.encode.context import Context
from dicomnode.encode.grid import thickness

_LIBRARY = CodedConcept("111028", "DCM", "Image Library")
_GROUP = CodedConcept("126200", "DCM", "Image Library Group")
_SOURCE = CodedConcept("260753009", "SCT", "Source")
_MODALITY = CodedConcept("121139", "DCM", "Modality")
_MAGNETIC_RESONANCE = CodedConcept("MR", "DCM", "Magnetic Resonance")
_SEGMENTATION = CodedConcept("SEG", "DCM", "Segmentation")
_FRAME_OF_REFERENCE = CodedConcept("112227", "DCM", "Frame of Reference UID")
_ROWS = CodedConcept("110910", "DCM", "Pixel Data Rows")
_COLUMNS = CodedConcept("110911", "DCM", "Pixel Data Columns")
_HORIZONTAL = CodedConcept("111026", "DCM", "Horizontal Pixel Spacing")
_VERTICAL = CodedConcept("111066", "DCM", "Vertical Pixel Spacing")
_BETWEEN_SLICES = CodedConcept("112226", "DCM", "Spacing between slices")
_THICKNESS = CodedConcept("112225", "DCM", "Slice Thickness")
_ORIENTATION = tuple(
    CodedConcept(value, "DCM", f"Image Orientation (Patient) {axis}")
    for value, axis in (
        ("110904", "Row X"),
        ("110905", "Row Y"),
        ("110906", "Row Z"),
        ("110907", "Column X"),
        ("110908", "Column Y"),
        ("110909", "Column Z"),
    )
)
_PIXELS = CodedConcept("{pixels}", "UCUM", "Pixels")
_MILLIMETER = CodedConcept("mm", "UCUM", "millimeter")
_COSINE = CodedConcept("{-1:1}", "UCUM", "{-1:1}")


def build(context: Context) -> ContainerContentItem:
    """The library: one group for each input role, and one for each segmentation."""
    library = _container(_LIBRARY)
    for role, headers in context.sources.by_role.items():
        if headers:
            library.ContentSequence.append(_group(headers, context.work.geometry[role]))
    for segmentation in context.sources.segmentations.values():
        library.ContentSequence.append(_labels(segmentation))
    return library


def _labels(segmentation: Dataset) -> ContainerContentItem:
    """A received segmentation that was used: what it is, and the frame of reference it lies in."""
    group, acquired = _container(_GROUP), RelationshipTypeValues.HAS_ACQ_CONTEXT
    group.ContentSequence.append(CodeContentItem(_MODALITY, _SEGMENTATION, acquired))
    if segmentation.get("FrameOfReferenceUID"):
        group.ContentSequence.append(UIDRefContentItem(_FRAME_OF_REFERENCE, segmentation.FrameOfReferenceUID, acquired))
    group.ContentSequence.append(_entry(segmentation))
    return group


def _group(headers: Sequence[Dataset], geometry: Geometry) -> ContainerContentItem:
    group = _container(_GROUP)
    group.ContentSequence.extend(_shared(headers[0], geometry))
    group.ContentSequence.extend([_entry(header) for header in headers])
    return group


def _shared(first: Dataset, geometry: Geometry) -> list[ContentItem]:
    acquired = RelationshipTypeValues.HAS_ACQ_CONTEXT
    items: list[ContentItem] = [CodeContentItem(_MODALITY, _MAGNETIC_RESONANCE, acquired)]
    if first.get("FrameOfReferenceUID"):
        items.append(UIDRefContentItem(_FRAME_OF_REFERENCE, first.FrameOfReferenceUID, acquired))
    numbers = [
        (_ROWS, first.Rows, _PIXELS),
        (_COLUMNS, first.Columns, _PIXELS),
        (_HORIZONTAL, first.PixelSpacing[1], _MILLIMETER),
        (_VERTICAL, first.PixelSpacing[0], _MILLIMETER),
        (_BETWEEN_SLICES, round(geometry.spacing[0], 6), _MILLIMETER),
        (_THICKNESS, thickness(first, geometry), _MILLIMETER),
        *((name, value, _COSINE) for name, value in zip(_ORIENTATION, first.ImageOrientationPatient, strict=True)),
    ]
    return [*items, *(NumContentItem(name, value, unit, relationship_type=acquired) for name, value, unit in numbers)]


def _entry(header: Dataset) -> ImageContentItem:
    frame = header.get("ReferencedFrameNumber")
    return ImageContentItem(
        _SOURCE,
        header.SOPClassUID,
        header.SOPInstanceUID,
        referenced_frame_numbers=[frame] if frame else None,
        relationship_type=RelationshipTypeValues.CONTAINS,
    )


def _container(name: CodedConcept) -> ContainerContentItem:
    container = ContainerContentItem(name, relationship_type=RelationshipTypeValues.CONTAINS)
    container.ContentSequence = ContentSequence()
    return container
