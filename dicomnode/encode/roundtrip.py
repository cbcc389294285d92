"""What a reader gets back: geometry, masks, maps, pictures and numbers, decoded without highdicom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.encode import grid, pm, sc, sr
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context
from dicomnode.encode.seg import tracking_uid
from dicomnode.errors import CheckFailed
from dicomnode.sdk.findings import Measurement, ParametricMap, SecondaryCapture, Segmentation

TOLERANCE = 0.01
"""How far a frame may lie from its source slice, mm."""


def check(datasets: Sequence[Dataset], contents: Contents, context: Context) -> None:
    """Hold the decoded objects of a task against its findings.

    Raises
    ------
    CheckFailed
        Naming the kind of object and what does not agree.
    """
    of = {kind: [dataset for dataset in datasets if _kind(dataset) == kind] for kind in ("SEG", "PM", "SC", "SR")}
    for segmentation, dataset in zip(contents.segmentations, of["SEG"], strict=True):
        _segmentation(dataset, segmentation, context)
    for parametric_map, dataset in zip(contents.maps, of["PM"], strict=True):
        _map(dataset, parametric_map, context)
    pictures = iter(of["SC"])
    for capture in contents.captures:
        _capture(pictures, capture, context)
    for report in of["SR"]:
        _report(report, of["SEG"], contents, context)


def _kind(dataset: Dataset) -> str:
    return {sc.SOP_CLASS: "SC", pm.SOP_CLASS: "PM"}.get(str(dataset.SOPClassUID), str(dataset.Modality))


def _segmentation(dataset: Dataset, finding: Segmentation, context: Context) -> None:
    labels = np.zeros_like(finding.labels)
    named = {
        (item.SegmentNumber, item.SegmentLabel, item.TrackingID, item.TrackingUID) for item in dataset.SegmentSequence
    }
    if named != {
        (number, segment.label, segment.label, tracking_uid(segment.label, context))
        for number, segment in enumerate(finding.segments, start=1)
    }:
        raise CheckFailed("SEG: segment numbers, labels or tracking UIDs are not those of the finding")
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
    masks = bits[: dataset.NumberOfFrames * dataset.Rows * dataset.Columns].reshape(-1, dataset.Rows, dataset.Columns)
    for mask, (number, frame) in zip(masks, _frames(dataset, finding.on, context), strict=True):
        identification = frame.get("SegmentIdentificationSequence") or _shared(dataset).SegmentIdentificationSequence
        labels[number][mask.astype(bool)] = identification[0].ReferencedSegmentNumber
    if not np.array_equal(labels, finding.labels):
        raise CheckFailed("SEG: the mask does not read back as it was given")


def _map(dataset: Dataset, finding: ParametricMap, context: Context) -> None:
    values = np.full_like(finding.array, np.nan)
    stored = np.frombuffer(dataset.FloatPixelData, "<f4").reshape(-1, dataset.Rows, dataset.Columns)
    for plane, (number, _) in zip(stored, _frames(dataset, finding.on, context), strict=True):
        values[number] = np.where(plane == np.float32(dataset.FloatPixelPaddingValue), np.float32(np.nan), plane)
    if dataset.FloatPixelPaddingValue != pm.padding_value(finding) or not np.array_equal(
        values, finding.array, equal_nan=True
    ):
        raise CheckFailed("PM: the values do not read back as they were given")
    mapping = _shared(dataset).RealWorldValueMappingSequence[0]
    unit = mapping.MeasurementUnitsCodeSequence[0].CodeValue
    if (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept, unit) != (1, 0, finding.unit.value):
        raise CheckFailed("PM: the real-world value mapping is not the identity in the finding's unit")


def _capture(pictures: Iterator[Dataset], finding: SecondaryCapture, context: Context) -> None:
    for number, expected in enumerate(sc.pictures(finding, context)):
        image = next(pictures)
        pixels: npt.NDArray[np.uint8] = np.frombuffer(image.PixelData, np.uint8, count=expected.size)
        if (image.Rows, image.Columns) != expected.shape[:2] or not np.array_equal(pixels, expected.ravel()):
            raise CheckFailed("SC: a picture does not read back as it was given")
        if finding.on:
            on_slice(image, image, context.sources.by_role[finding.on][number], "SC")


def _frames(dataset: Dataset, role: str, context: Context) -> Iterator[tuple[int, Dataset]]:
    """Slice number and functional groups of each frame, its place in space proven."""
    headers = context.sources.by_role[role]
    slices = {str(header.SOPInstanceUID): number for number, header in enumerate(headers)}
    shared = _shared(dataset)
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        plane = Dataset()
        plane.Rows, plane.Columns = dataset.Rows, dataset.Columns
        plane.ImagePositionPatient = frame.PlanePositionSequence[0].ImagePositionPatient
        plane.ImageOrientationPatient = shared.PlaneOrientationSequence[0].ImageOrientationPatient
        plane.PixelSpacing = shared.PixelMeasuresSequence[0].PixelSpacing
        referenced = {
            slices[str(source.ReferencedSOPInstanceUID)]
            for derivation in frame.DerivationImageSequence
            for source in derivation.SourceImageSequence
            if str(source.ReferencedSOPInstanceUID) in slices
        }
        if len(referenced) != 1:
            raise CheckFailed(f"{dataset.Modality}: a frame does not name the one slice it lies on")
        (number,) = referenced
        on_slice(dataset, plane, headers[number], dataset.Modality)
        yield number, frame


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


def _report(report: Dataset, segmentations: Sequence[Dataset], contents: Contents, context: Context) -> None:
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
        for node in group.ContentSequence:
            if _name(node) == "121191":
                reference = node.ReferencedSOPSequence[0]
                key = (str(reference.ReferencedSOPInstanceUID), reference.ReferencedSegmentNumber)
                if segments.get(key) != tracked:
                    raise CheckFailed("SR: a measurement group refers to another segment than it tracks")


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
