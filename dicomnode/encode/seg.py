"""Segmentation: binary, or as a label map; only the frames that hold something (PS3.3 A.51)."""

from __future__ import annotations

from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from highdicom.seg import Segmentation as SegmentationImage
from pydicom import Dataset

from dicomnode.encode import algorithm, frames, grid, uids
from dicomnode.encode.context import Context, body_part, coded, constructor_arguments, stamp
from dicomnode.encode.series import PROPOSAL, Series
from dicomnode.sdk.codes import SIDES
from dicomnode.sdk.findings import Segment, Segmentation

BINARY = "1.2.840.10008.5.1.4.1.1.66.4"
LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
_TYPES = {"SEG": SegmentationTypeValues.BINARY, "LABELMAP": SegmentationTypeValues.LABELMAP}


def build(finding: Segmentation, context: Context, series: Series) -> Dataset:
    """Write a segmentation onto the grid of its input, in the form the series is for."""
    work, headers = context.work, context.sources.by_role[finding.on]
    image = SegmentationImage(
        source_images=grid.carriers(headers, work.geometry[finding.on]),
        pixel_array=finding.labels,
        segmentation_type=_TYPES[series.kind],
        segment_descriptions=[
            _describe(segment, number, context) for number, segment in enumerate(finding.segments, start=1)
        ],
        content_label="SEGMENTATION",
        omit_empty_frames=True,
        **constructor_arguments(context, series),
    )
    frames.resolve(image, headers)
    # highdicom describes a segment 0 "Background", which shifts colours in viewers; the padding value says it already.
    image.SegmentSequence = [item for item in image.SegmentSequence if item.SegmentNumber]
    for item, segment in zip(image.SegmentSequence, finding.segments, strict=True):
        if segment.side:
            kind, side = item.SegmentedPropertyTypeCodeSequence[0], SIDES[segment.side]
            kind.SegmentedPropertyTypeModifierCodeSequence = [coded(side.value, side.scheme, side.meaning)]
        if segment.proposes:
            item.SegmentDescription = PROPOSAL
    stamp(image, context, series)
    body_part(image, headers[0])
    if not image.get("Laterality"):
        image.pop("Laterality", None)
    return image


def tracking_uid(label: str, context: Context) -> str:
    """Tracking UID of a segment, the same in SEG and SR and in every later study of the patient."""
    source = context.sources.first
    patient_id = str(source.get("PatientID") or "")
    patient = (str(source.get("IssuerOfPatientID") or ""), patient_id) if patient_id else str(source.StudyInstanceUID)
    return uids.tracking(patient, context.work.spec.name, label)


def segment_numbers(image: Dataset) -> list[int]:
    """Segment of each frame of a binary segmentation."""
    shared = image.SharedFunctionalGroupsSequence[0]
    groups = [
        frame if "SegmentIdentificationSequence" in frame else shared
        for frame in image.PerFrameFunctionalGroupsSequence
    ]
    return [int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber) for group in groups]


def _describe(segment: Segment, number: int, context: Context) -> SegmentDescription:
    return SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=algorithm.concept(segment.category),
        segmented_property_type=algorithm.concept(segment.type),
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm.for_images(context.work),
        tracking_uid=tracking_uid(segment.label, context),
        tracking_id=segment.label,
        display_color=CIELabColor.from_rgb(*segment.colour),
    )
