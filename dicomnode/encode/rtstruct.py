"""RT Structure Set: each segment as closed contours on its source slices (PS3.3 A.19)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.encode import references
from dicomnode.encode.context import Context, coded, stamp
from dicomnode.encode.outlines import Mask, Polygon, trace
from dicomnode.encode.series import MARK, PROPOSAL, Series
from dicomnode.encode.slices import frame_of_reference
from dicomnode.sdk.findings import Segment, Segmentation

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
STUDY = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management: the retired class by which a structure set names the study (PS3.3 C.8.8.5)."""
_LONGEST = 1400
"""Corners of a slice: a value of VR DS has room for 65534 characters, a corner takes up to 30 of them."""

Points = npt.NDArray[np.float64]


def build(finding: Segmentation, context: Context, series: Series) -> Dataset:
    """Write a segmentation as regions of interest, numbered as its segments are."""
    headers = context.sources.by_role[finding.on]
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASS
    dataset.Modality = "RTSTRUCT"
    dataset.OperatorsName = None
    dataset.StructureSetLabel = _label(finding)
    dataset.StructureSetName = series.description
    if any(segment.proposes for segment in finding.segments):
        dataset.StructureSetDescription = f"{PROPOSAL} {MARK[context.work.mode]}"
    dataset.StructureSetDate, dataset.StructureSetTime = context.moment.date, context.moment.time
    dataset.ReferencedFrameOfReferenceSequence = [_frame_of_reference(finding, context)]
    dataset.FrameOfReferenceUID = frame_of_reference(headers[0])
    dataset.PositionReferenceIndicator = headers[0].get("PositionReferenceIndicator")
    described = list(enumerate(finding.segments, start=1))
    dataset.StructureSetROISequence = [
        _region(segment, number, frame_of_reference(headers[0]), context) for number, segment in described
    ]
    dataset.ROIContourSequence = [_contours(segment, number, finding, context) for number, segment in described]
    dataset.RTROIObservationsSequence = [_observation(segment, number) for number, segment in described]
    dataset.ApprovalStatus = "UNAPPROVED"
    stamp(dataset, context, series)
    del dataset.ContentDate, dataset.ContentTime
    return dataset


def _label(finding: Segmentation) -> str:
    """Structure Set Label (VR SH): the first of what a planning system shows."""
    proposed = next((segment.proposes for segment in finding.segments if segment.proposes), "")
    return f"{proposed} PROPOSAL" if proposed else "SEGMENTATION"


def pixels(contour: Dataset, plane: Dataset) -> tuple[Polygon, float]:
    """Corners of a contour as rows and columns of a slice, and how far they lie off its plane at most, mm."""
    origin, down, right = _axes(plane)
    away = np.asarray(contour.ContourData, float).reshape(-1, 3) - origin
    normal = np.cross(right, down)
    corners = np.stack([away @ down / (down @ down), away @ right / (right @ right)], axis=1)
    return corners, float(np.abs(away @ normal).max() / np.linalg.norm(normal))


def _axes(plane: Dataset) -> tuple[Points, Points, Points]:
    """Centre of the first pixel, steps to the next row and to the next column, LPS mm (PS3.3 C.7.6.2.1.1)."""
    row, column = np.asarray(plane.ImageOrientationPatient, float).reshape(2, 3)
    spacing = [float(value) for value in plane.PixelSpacing]
    return (
        np.asarray(plane.ImagePositionPatient, float),
        spacing[0] * column / np.linalg.norm(column),
        spacing[1] * row / np.linalg.norm(row),
    )


def _frame_of_reference(finding: Segmentation, context: Context) -> Dataset:
    headers = context.sources.by_role[finding.on]
    shown = Dataset()
    shown.SeriesInstanceUID = headers[0].SeriesInstanceUID
    shown.ContourImageSequence = references.images(headers)
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = STUDY, headers[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [shown]
    item = Dataset()
    item.FrameOfReferenceUID = frame_of_reference(headers[0])
    item.RTReferencedStudySequence = [study]
    return item


def _region(segment: Segment, number: int, frame_of_reference_uid: str, context: Context) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = frame_of_reference_uid
    item.ROIName = segment.label
    if segment.proposes:
        item.ROIDescription = PROPOSAL
    item.ROIGenerationAlgorithm = "AUTOMATIC"
    item.ROIGenerationDescription = f"{context.work.spec.name} {context.work.spec.version}"[:64]
    return item


def _contours(segment: Segment, number: int, finding: Segmentation, context: Context) -> Dataset:
    item = Dataset()
    item.ReferencedROINumber = number
    item.ROIDisplayColor = list(segment.colour)
    headers = context.sources.by_role[finding.on]
    item.ContourSequence = [
        contour
        for mask, header in zip(finding.labels == number, headers, strict=True)
        for contour in _on_slice(mask, header)
    ]
    return item


def _on_slice(mask: Mask, header: Dataset) -> Iterator[Dataset]:
    origin, down, right = _axes(header)
    for polygon in trace(mask, _LONGEST):
        points = origin + polygon[:, :1] * down + polygon[:, 1:] * right
        item = Dataset()
        item.ContourImageSequence = [references.reference(header)]
        item.ContourGeometricType = "CLOSED_PLANAR"
        item.NumberOfContourPoints = len(points)
        item.ContourData = [f"{value:.4f}" for value in points.ravel()]
        yield item


def _observation(segment: Segment, number: int) -> Dataset:
    item = Dataset()
    item.ObservationNumber = item.ReferencedROINumber = number
    item.RTROIIdentificationCodeSequence = [coded(segment.type.value, segment.type.scheme, segment.type.meaning)]
    item.RTROIInterpretedType = segment.proposes or None
    if segment.proposes:
        item.ROIObservationLabel = f"{segment.proposes} PROPOSAL"
        item.ROIObservationDescription = PROPOSAL
    item.ROIInterpreter = None
    return item
