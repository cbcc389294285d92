"""Structured Report: Comprehensive 3D SR after TID 1500, one for every task (PS3.16 TID 1500)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContentItem,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    ReferencedSegment,
    ReferencedSegmentationFrame,
    RelationshipTypeValues,
    SourceImageForSegmentation,
    SourceSeriesForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from highdicom.sr import Measurement as MeasurementItem
from pydicom import Dataset

from dicomnode.encode import algorithm, document, library, reg, uids
from dicomnode.encode.algorithm import concept
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import MANUFACTURER, Context, stamp
from dicomnode.encode.seg import segment_numbers, tracking_uid
from dicomnode.encode.series import Series
from dicomnode.sdk.codes import CAUTION, SIDES, Code
from dicomnode.sdk.findings import Measurement, QualitativeEvaluation, Recommendation, Segment, Segmentation

MARK = {
    "research": "Research use only. NOT FOR DIAGNOSTIC USE. Computed by software, not reviewed by a physician.",
    "clinical": "Computed by software (AI), not reviewed by a physician.",
}
NOTHING_REPORTED = "The algorithm reported no measurement, evaluation or recommendation."

_TITLE = CodedConcept("126000", "DCM", "Imaging Measurement Report")
_DEVICE = CodedConcept("121007", "DCM", "Device")
COMMENT = CodedConcept("121106", "DCM", "Comment")
_RECOMMENDATION = Code("121075", "DCM", "Recommendation")
_MAGNETIC_RESONANCE_IMAGING = CodedConcept("113091000", "SCT", "Magnetic resonance imaging")
_SegmentGroup: TypeAlias = (
    PlanarROIMeasurementsAndQualitativeEvaluations | VolumetricROIMeasurementsAndQualitativeEvaluations
)


def build(contents: Contents, context: Context, series: Series, segmentations: Sequence[Dataset]) -> Dataset:
    """Write the report.

    Parameters
    ----------
    contents : Contents
        What the plugin found.
    segmentations : sequence of Dataset
        Those of ``contents``, written, in the same order; the report refers to them and to the sources.
    """
    root = _tree(contents, context, segmentations)[0]
    report = document.report(root, [*context.sources.everything(), *segmentations], context.replaces)
    stamp(report, context, series)
    return report


def rounded(measurement: Measurement) -> float:
    """The value with only the digits that mean something."""
    return round(float(measurement.value), measurement.decimals)


def _tree(contents: Contents, context: Context, segmentations: Sequence[Dataset]) -> MeasurementReport:
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer(context)),
        procedure_reported=_MAGNETIC_RESONANCE_IMAGING,
        title=_TITLE,
        imaging_measurements=[*_segment_groups(contents, context, segmentations), *_case_group(contents, context)],
    )
    root = report[0].ContentSequence
    measurements = len(root) - 1
    root.insert(measurements, library.build(context))
    root.insert(measurements, text(COMMENT, MARK[context.work.mode]))
    return report


def observer(context: Context) -> ObserverContext:
    """The plugin as the device that observed (PS3.16 TID 1004)."""
    spec = context.work.spec
    device = DeviceObserverIdentifyingAttributes(
        uid=uids.device(spec.name, spec.version),
        name=spec.title[:64],
        manufacturer_name=MANUFACTURER,
        model_name=spec.name,
        serial_number=spec.version,
    )
    return ObserverContext(observer_type=_DEVICE, observer_identifying_attributes=device)


def _segment_groups(contents: Contents, context: Context, segmentations: Sequence[Dataset]) -> list[_SegmentGroup]:
    return [
        _segment_group(segment, number, finding, image, contents, context)
        for finding, image in zip(contents.segmentations, segmentations, strict=True)
        for number, segment in enumerate(finding.segments, start=1)
    ]


def _segment_group(
    segment: Segment, number: int, finding: Segmentation, image: Dataset, contents: Contents, context: Context
) -> _SegmentGroup:
    """Measurements and evaluations of one segment: planar where it lies on one slice (TID 1410), else TID 1411."""
    said: dict[str, Any] = {
        "tracking_identifier": TrackingIdentifier(uid=tracking_uid(segment.label, context), identifier=segment.label),
        "finding_type": concept(segment.type),
        "finding_category": concept(segment.category),
        "algorithm_id": algorithm.for_reports(context.work),
        "measurements": _measurements(contents, segment.label),
    }
    if segment.side:
        said["finding_sites"] = [FindingSite(concept(segment.type), laterality=concept(SIDES[segment.side]))]
    slices = np.flatnonzero((finding.labels == number).any(axis=(1, 2)))
    group: _SegmentGroup
    if len(slices) == 1:
        source = context.sources.by_role[finding.on][int(slices[0])]
        group = PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=_segment_frame(image, number, source), **said
        )
    else:
        group = VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_segment=ReferencedSegment(
                sop_class_uid=image.SOPClassUID,
                sop_instance_uid=image.SOPInstanceUID,
                segment_number=number,
                source_series=SourceSeriesForSegmentation(image.ReferencedSeriesSequence[0].SeriesInstanceUID),
            ),
            **said,
        )
    group[0].ContentSequence.extend(statements(contents.evaluations, segment.label))
    return group


def _segment_frame(image: Dataset, number: int, source: Dataset) -> ReferencedSegmentationFrame:
    """The one frame that holds a segment, and the slice it lies on.

    Mends highdicom, which names frame and segment, where only one of them may stand (PS3.3 Table 10-3).
    """
    frame = 1 + segment_numbers(image).index(number)
    frames = source.get("ReferencedFrameNumber")
    reference = ReferencedSegmentationFrame(
        sop_class_uid=image.SOPClassUID,
        sop_instance_uid=image.SOPInstanceUID,
        frame_number=frame,
        segment_number=number,
        source_image=SourceImageForSegmentation(
            source.SOPClassUID, source.SOPInstanceUID, [int(frames)] if frames else None
        ),
    )
    del reference[0].ReferencedSOPSequence[0].ReferencedSegmentNumber
    return reference


def _case_group(contents: Contents, context: Context) -> list[MeasurementsAndQualitativeEvaluations]:
    """What is said about the whole case (TID 1501); without segments there is always such a group."""
    measurements = _measurements(contents, "")
    said = case_statements(contents)
    if not measurements and not said:
        if contents.labels:
            return []
        said = [text(COMMENT, NOTHING_REPORTED)]
    title = context.work.spec.title
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=tracking_uid("", context), identifier=title),
        algorithm_id=algorithm.for_reports(context.work),
        measurements=measurements,
    )
    group[0].ContentSequence.extend(said)
    return [group]


def _measurements(contents: Contents, label: str) -> list[MeasurementItem]:
    return [
        MeasurementItem(
            name=concept(measurement.name),
            value=rounded(measurement),
            unit=concept(measurement.unit),
            derivation=concept(measurement.derivation) if measurement.derivation else None,
        )
        for measurement in contents.measurements
        if measurement.of == label
    ]


def case_statements(contents: Contents) -> list[ContentItem]:
    """What is advised, and what is said about the whole case."""
    advice = [item for recommendation in contents.recommendations for item in _advised(recommendation)]
    unwritten = [text(COMMENT, reg.unwritten(registration)) for registration in contents.unwritten]
    return [*advice, *statements(contents.evaluations, ""), *unwritten]


def _advised(recommendation: Recommendation) -> list[ContentItem]:
    """What is advised, why, and what else the person who acts must know."""
    reason = [text(COMMENT, recommendation.reason)] if recommendation.reason else []
    cautions = [text(concept(CAUTION), caution) for caution in recommendation.cautions]
    return [_statement(_RECOMMENDATION, recommendation.value), *reason, *cautions]


def statements(evaluations: Sequence[QualitativeEvaluation], label: str) -> list[ContentItem]:
    """What is said about one segment, or the whole case."""
    return [_statement(evaluation.name, evaluation.value) for evaluation in evaluations if evaluation.of == label]


def _statement(name: Code, value: Code | str) -> ContentItem:
    """A qualitative evaluation; highdicom's own takes codes only."""
    if isinstance(value, str):
        return text(concept(name), value)
    return CodeContentItem(concept(name), concept(value), RelationshipTypeValues.CONTAINS)


def modifier(name: CodedConcept, value: Code) -> CodeContentItem:
    """What changes the meaning of the item it belongs to."""
    return CodeContentItem(name, concept(value), RelationshipTypeValues.HAS_CONCEPT_MOD)


def text(name: CodedConcept, value: str) -> TextContentItem:
    """A line of text."""
    return TextContentItem(name, value, RelationshipTypeValues.CONTAINS)
