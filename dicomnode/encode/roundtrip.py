"""What a reader gets back: geometry, masks, maps, pictures and numbers, decoded without highdicom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.dicom.segment_descriptions import described
from dicomnode.encode import grid, kos, pdf, pm, references, rtstruct, sc, sr
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context
from dicomnode.encode.outlines import Polygon, fill
from dicomnode.encode.seg import segment_numbers, tracking_uid
from dicomnode.encode.series import PROPOSAL
from dicomnode.errors import CheckFailed
from dicomnode.sdk.findings import Measurement, ParametricMap, SecondaryCapture, Segmentation

TOLERANCE = 0.01
"""How far a frame may lie from its source slice, mm."""


def segmentation(dataset: Dataset, finding: Segmentation, context: Context) -> None:
    """Prove segments, place and mask."""
    labels = np.zeros_like(finding.labels)
    named = {
        (item.SegmentNumber, item.SegmentLabel, item.TrackingID, item.TrackingUID) for item in dataset.SegmentSequence
    }
    if named != {
        (number, segment.label, segment.label, tracking_uid(segment.label, context))
        for number, segment in enumerate(finding.segments, start=1)
    }:
        raise CheckFailed("SEG: segment numbers, labels or tracking UIDs are not those of the finding")
    stored = np.frombuffer(dataset.PixelData, np.uint8)
    if dataset.SegmentationType == "BINARY":
        stored = np.unpackbits(stored, bitorder="little")
    planes = stored[: dataset.NumberOfFrames * dataset.Rows * dataset.Columns]
    planes = planes.reshape(-1, dataset.Rows, dataset.Columns)
    for plane, (number, frame) in zip(planes, _frames(dataset, finding.on, context), strict=True):
        if dataset.SegmentationType == "LABELMAP":
            labels[number] = plane
            continue
        identification = frame.get("SegmentIdentificationSequence") or _shared(dataset).SegmentIdentificationSequence
        labels[number][plane.astype(bool)] = identification[0].ReferencedSegmentNumber
    if not np.array_equal(labels, finding.labels):
        raise CheckFailed("SEG: the mask does not read back as it was given")
    sides = [one.side for one in described(dataset).values()]
    if sides != [segment.side for segment in finding.segments]:
        raise CheckFailed("SEG: the sides of the segments do not read back as they were given")


def contours(dataset: Dataset, finding: Segmentation, context: Context) -> None:
    """Prove regions, place and mask of a structure set: the contours are filled anew."""
    named = [(item.ROINumber, item.ROIName) for item in dataset.StructureSetROISequence]
    if named != [(number, segment.label) for number, segment in enumerate(finding.segments, start=1)]:
        raise CheckFailed("RTSTRUCT: numbers or names of the regions are not those of the finding")
    meant = [item.RTROIInterpretedType or "" for item in dataset.RTROIObservationsSequence]
    said = [item.get("ROIDescription", "") for item in dataset.StructureSetROISequence]
    if meant != [segment.proposes for segment in finding.segments] or said != [
        PROPOSAL if segment.proposes else "" for segment in finding.segments
    ]:
        raise CheckFailed("RTSTRUCT: a proposal does not say that it is one, or a region says so that is none")
    headers = context.sources.by_role[finding.on]
    frames = {item.ReferencedFrameOfReferenceUID for item in dataset.StructureSetROISequence}
    if frames != {headers[0].FrameOfReferenceUID}:
        raise CheckFailed("RTSTRUCT: a frame of reference is not that of the source")
    slices = {references.key(header): number for number, header in enumerate(headers)}
    labels = np.zeros_like(finding.labels)
    for region in dataset.ROIContourSequence:
        outlines: dict[int, list[Polygon]] = {}
        for contour in region.ContourSequence:
            number = slices.get(_referenced(contour.ContourImageSequence[0]))
            if number is None:
                raise CheckFailed("RTSTRUCT: a contour does not name the slice it lies on")
            polygon, distance = rtstruct.pixels(contour, headers[number])
            if distance > TOLERANCE:
                raise CheckFailed(f"RTSTRUCT: a contour lies {distance:.3f} mm off its source slice")
            outlines.setdefault(number, []).append(polygon)
        for number, polygons in outlines.items():
            labels[number][fill(polygons, labels.shape[1:])] = region.ReferencedROINumber
    if not np.array_equal(labels, finding.labels):
        raise CheckFailed("RTSTRUCT: the mask does not read back as it was given")


def parametric_map(dataset: Dataset, finding: ParametricMap, context: Context) -> None:
    """Prove place and values of a map of floats: they are exact."""
    padding = np.float32(dataset.FloatPixelPaddingValue)
    stored = np.frombuffer(dataset.FloatPixelData, "<f4").reshape(-1, dataset.Rows, dataset.Columns)
    right = {
        number: np.array_equal(plane, np.where(np.isnan(finding.array[number]), padding, finding.array[number]))
        for plane, (number, _) in zip(stored, _frames(dataset, finding.on, context), strict=True)
    }
    if padding != pm.padding_value(finding) or len(right) != len(finding.array) or not all(right.values()):
        raise CheckFailed("PM: the values do not read back as they were given")
    if _mapped(dataset, finding) != (1, 0):
        raise CheckFailed("PM: the real-world value mapping is not the identity")


def counted_map(dataset: Dataset, finding: ParametricMap, context: Context) -> None:
    """Prove place and values of a map of counts: they are right to half a count."""
    slope, intercept = _mapped(dataset, finding)
    values = np.full(finding.array.shape, np.nan)
    stored = np.frombuffer(dataset.PixelData, "<u2").reshape(-1, dataset.Rows, dataset.Columns)
    for plane, (number, _) in zip(stored, _frames(dataset, finding.on, context), strict=True):
        values[number] = np.where(plane == dataset.PixelPaddingValue, np.nan, plane * slope + intercept)
    missing = np.isnan(finding.array)
    error = np.abs(values - finding.array)[~missing].max()
    if not np.array_equal(np.isnan(values), missing) or error > 0.5001 * pm.step(finding):
        raise CheckFailed("PM16: the values do not read back as they were given")


def _mapped(dataset: Dataset, finding: ParametricMap) -> tuple[float, float]:
    mapping = _shared(dataset).RealWorldValueMappingSequence[0]
    if mapping.MeasurementUnitsCodeSequence[0].CodeValue != finding.unit.value:
        raise CheckFailed("PM: the real-world value mapping is not in the finding's unit")
    return float(mapping.RealWorldValueSlope), float(mapping.RealWorldValueIntercept)


def capture(images: Sequence[Dataset], finding: SecondaryCapture, context: Context) -> None:
    """Prove pixels and, where it has one, the place of each picture."""
    for number, (image, expected) in enumerate(zip(images, sc.pictures(finding, context), strict=True)):
        pixels: npt.NDArray[np.uint8] = np.frombuffer(image.PixelData, np.uint8, count=expected.size)
        if (image.Rows, image.Columns) != expected.shape[:2] or not np.array_equal(pixels, expected.ravel()):
            raise CheckFailed("SC: a picture does not read back as it was given")
        if finding.on:
            on_slice(image, image, context.sources.by_role[finding.on][number], "SC")


def _frames(dataset: Dataset, role: str, context: Context) -> Iterator[tuple[int, Dataset]]:
    """Slice number and functional groups of each frame, its place in space proven."""
    headers = context.sources.by_role[role]
    slices = {references.key(header): number for number, header in enumerate(headers)}
    shared = _shared(dataset)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        plane = Dataset()
        plane.Rows, plane.Columns = dataset.Rows, dataset.Columns
        plane.ImagePositionPatient = frame.PlanePositionSequence[0].ImagePositionPatient
        plane.ImageOrientationPatient = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        plane.PixelSpacing = shared.PixelMeasuresSequence[0].PixelSpacing
        referenced = {
            slices[place]
            for derivation in frame.DerivationImageSequence
            for source in derivation.SourceImageSequence
            if (place := _referenced(source)) in slices
        }
        if len(referenced) != 1:
            raise CheckFailed(f"{dataset.Modality}: a frame does not name the one slice it lies on")
        (number,) = referenced
        on_slice(dataset, plane, headers[number], dataset.Modality)
        yield number, frame


def _referenced(item: Dataset) -> tuple[str, int]:
    return str(item.ReferencedSOPInstanceUID), int(item.get("ReferencedFrameNumber") or 0)


def _shared(dataset: Dataset) -> Dataset:
    groups: Dataset = dataset.SharedFunctionalGroupsSequence[0]
    return groups


def on_slice(image: Dataset, plane: Dataset, source: Dataset, kind: str) -> None:
    """Prove that a plane lies on its source slice.

    Raises
    ------
    CheckFailed
        When its frame of reference, size or place is another one.
    """
    if image.FrameOfReferenceUID != source.FrameOfReferenceUID:
        raise CheckFailed(f"{kind}: a frame of reference is not that of the source")
    if (plane.Rows, plane.Columns) != (source.Rows, source.Columns):
        raise CheckFailed(f"{kind}: a frame has not the rows and columns of its source slice")
    if (distance := grid.apart(grid.slice_corners(plane), grid.slice_corners(source))) > TOLERANCE:
        raise CheckFailed(f"{kind}: a frame lies {distance:.3f} mm off its source slice")


def selection(document: Dataset, contents: Contents, context: Context) -> None:
    """Prove that exactly the key images are named."""
    if kos.referenced(document) != set(map(references.key, kos.key_images(contents, context))):
        raise CheckFailed("KOS: the selection does not name the key images")


def paper(dataset: Dataset, contents: Contents, context: Context) -> None:
    """Prove that the document is the one these findings make."""
    if dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength] != pdf.document(contents, context.work):
        raise CheckFailed("PDF: the document does not read back as it was made")


def report(report: Dataset, segmentations: Sequence[Dataset], contents: Contents, context: Context) -> None:
    """Prove the numbers, and that each group refers to the segment it tracks."""
    groups = [group for group in _nodes(report) if _name(group) == "125007"]
    read = [(label, *number) for group in groups for label in [_label(group)] for number in _numbers(group)]
    case = context.work.spec.title
    wanted = [_number(measurement, case) for measurement in contents.measurements]
    if sorted(read) != sorted(wanted):
        raise CheckFailed("SR: the numbers do not read back as they were given")
    segments = {
        (str(dataset.SOPInstanceUID), item.SegmentNumber): (item.SegmentLabel, item.TrackingUID)
        for dataset in segmentations
        for item in dataset.SegmentSequence
    }
    for group in groups:
        tracked = _label(group), next(str(node.UID) for node in group.ContentSequence if _name(node) == "112040")
        for key in _segments_named(group, segmentations):
            if segments.get(key) != tracked:
                raise CheckFailed("SR: a measurement group refers to another segment than it tracks")


def _segments_named(group: Dataset, segmentations: Sequence[Dataset]) -> Iterator[tuple[str, int]]:
    """SEG and segment number that a group refers to, by itself (TID 1411) or by its one frame (TID 1410)."""
    images = {str(dataset.SOPInstanceUID): dataset for dataset in segmentations}
    for node in group.ContentSequence:
        if _name(node) == "121191":
            reference = node.ReferencedSOPSequence[0]
            yield str(reference.ReferencedSOPInstanceUID), reference.ReferencedSegmentNumber
        if _name(node) == "121214":
            reference = node.ReferencedSOPSequence[0]
            uid, frame = _referenced(reference)
            numbers = segment_numbers(images[uid]) if uid in images else []
            if not 1 <= frame <= len(numbers) or numbers.count(numbers[frame - 1]) != 1:
                raise CheckFailed("SR: a planar measurement group does not refer to the one frame of a segment")
            if _sources_of_frame(group) != {_source_of(images[uid], frame)}:
                raise CheckFailed("SR: a planar measurement group names another slice than its frame lies on")
            yield uid, numbers[frame - 1]


def _sources_of_frame(group: Dataset) -> set[tuple[str, int]]:
    return {_referenced(node.ReferencedSOPSequence[0]) for node in group.ContentSequence if _name(node) == "121233"}


def _source_of(image: Dataset, frame: int) -> tuple[str, int]:
    """The slice a frame names; :func:`segmentation` has proven that it names one and lies on it."""
    derivation = image.PerFrameFunctionalGroupsSequence[frame - 1].DerivationImageSequence[0]
    return _referenced(derivation.SourceImageSequence[0])


def lines(report: Dataset, contents: Contents) -> None:
    """Prove the numbers of a report in words, and under which structure they stand."""
    labels = iter(contents.labels)
    read = [("", *number) for number in _lines(report)]
    for section in report.ContentSequence:
        if any(_name(node) == "112039" for node in section.get("ContentSequence", ())):
            if (label := _label(section)) != next(labels, None):
                raise CheckFailed("SR-VIEWER: the structures are not those of the finding")
            read += [(label, *number) for number in _lines(section)]
    if sorted(read) != sorted(_number(measurement, "") for measurement in contents.measurements):
        raise CheckFailed("SR-VIEWER: the numbers do not read back as they were given")


def _lines(section: Dataset) -> Iterator[tuple[str, str, str, float]]:
    """Numbers of a section, and of those below it that only say how they were derived."""
    yield from _numbers(section)
    for node in section.ContentSequence:
        below = node.get("ContentSequence", ())
        if node.ValueType == "CONTAINER" and all(child.ValueType == "NUM" for child in below):
            yield from _numbers(node)


def _numbers(group: Dataset) -> Iterator[tuple[str, str, str, float]]:
    for node in group.ContentSequence:
        if node.ValueType == "NUM":
            value = node.MeasuredValueSequence[0]
            modifiers = [child for child in node.get("ContentSequence", ()) if _name(child) == "121401"]
            derivation = modifiers[0].ConceptCodeSequence[0].CodeValue if modifiers else ""
            yield _name(node), value.MeasurementUnitsCodeSequence[0].CodeValue, derivation, float(value.NumericValue)


def _number(measurement: Measurement, case: str) -> tuple[str, str, str, str, float]:
    derivation = measurement.derivation.value if measurement.derivation else ""
    label = measurement.of or case
    return label, measurement.name.value, measurement.unit.value, derivation, sr.rounded(measurement)


def _label(group: Dataset) -> str:
    return next(str(node.TextValue) for node in group.ContentSequence if _name(node) == "112039")


def _name(node: Dataset) -> str:
    sequence = node.get("ConceptNameCodeSequence")
    return str(sequence[0].get("CodeValue") or sequence[0].get("LongCodeValue")) if sequence else ""


def _nodes(node: Dataset) -> Iterator[Dataset]:
    for child in node.get("ContentSequence", ()):
        yield child
        yield from _nodes(child)
