"""Group the images of one study into stacks: what belongs to one volume, in slice order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pydicom.uid import UID

from dicomnode.dicom import segment_facts, segmentations
from dicomnode.dicom.exam_evidence import reconsider
from dicomnode.dicom.frames import Frame, frames_of
from dicomnode.dicom.geometry import Plane, geometry_of, order, plane_of, refuse
from dicomnode.dicom.notes import notes
from dicomnode.dicom.physics import number, words
from dicomnode.dicom.roles import decide
from dicomnode.dicom.splits import Group, in_uid_order, split
from dicomnode.domain.identity import digest_of
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Geometry, Stack


def stacks(headers: Sequence[InstanceHeader]) -> tuple[Stack, ...]:
    """All stacks of a study's instances; every image plane is in exactly one.

    Parameters
    ----------
    headers : sequence of InstanceHeader
        In any order; the same instance twice counts once.

    Returns
    -------
    tuple of Stack
        In the order of series number and echo time. What is no regular volume, or no image at all, has a refusal
        instead of a geometry. ``facts`` are those of the first slice, and ``NumberOfSlices``.
    """
    by_series: defaultdict[str, list[Frame]] = defaultdict(list)
    labelled: list[InstanceHeader] = []
    for header in {header.sop_instance_uid: header for header in headers}.values():
        if header.sop_class_uid in segment_facts.CLASSES:
            labelled.append(header)
        else:
            by_series[header.series_instance_uid] += frames_of(header)
    found = [_stack(part, marks) for series in by_series.values() for part, marks in split(in_uid_order(series))]
    numbers = {
        stack.series_instance_uid: f"series {stack.facts.get('SeriesNumber', 'without number')}" for stack in found
    }
    drawn = [segmentations.stack_of(header, numbers) for header in labelled]
    return tuple(sorted([*reconsider(found), *drawn], key=_reading_order))


def not_a_slice(frame: Frame) -> str:
    """Why a plane can be no slice of a volume; empty when it can."""
    name = UID(frame.sop_class_uid).name.removesuffix(" Storage")
    if "Image" not in name:
        return f"not an image: {'private or unknown SOP class' if name == frame.sop_class_uid else name}"
    facts = frame.facts
    count = number(facts, "NumberOfFrames") or 1
    if frame.number == 0 and ("Enhanced" in name or count > 1):
        return f"{name}, {count:.0f} frames: no functional groups that say where each frame lies"
    if {"MOSAIC", "VFRAME"} & set(words(facts, "ImageType")):
        return "mosaic, several slices tiled in one image: not read by this release"
    photometric = str(facts.get("PhotometricInterpretation", "unknown"))
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        return f"no grey values (Photometric Interpretation {photometric})"
    if facts.get("LossyImageCompression") == "01":
        return "lossy compressed: values are not those of the scanner"
    return ""


def _stack(group: Group, marks: tuple[str, ...]) -> Stack:
    frames, geometry, refusal = _ordered(group)
    first = frames[0]
    facts = {**first.facts, "NumberOfSlices": len(frames)}
    return Stack(
        stack_id=digest_of([first.series_instance_uid, *marks]),
        series_instance_uid=first.series_instance_uid,
        frame_of_reference_uid=str(facts.get("FrameOfReferenceUID", "")),
        instances=tuple(frame.sop_instance_uid for frame in frames),
        frames=tuple(frame.number for frame in frames) if first.number else (),
        facts=facts,
        geometry=geometry,
        refusal=refusal,
        role=decide(facts, not_a_slice(first)),
        notes=notes(facts, geometry) if geometry else (),
    )


def _ordered(group: Group) -> tuple[Group, Geometry | None, str]:
    """The planes in slice order, and their grid or why there is none."""
    planes: list[Plane] = []
    for frame in group:
        plane = not_a_slice(frame) or plane_of(frame.facts)
        if isinstance(plane, str):
            return group, None, plane
        planes.append(plane)
    ranks = order(planes)
    group, planes = tuple(group[n] for n in ranks), [planes[n] for n in ranks]
    refusal = refuse(planes)
    return group, None if refusal else geometry_of(planes), refusal


def _reading_order(stack: Stack) -> tuple[float, str, float, str]:
    series, echo = number(stack.facts, "SeriesNumber"), number(stack.facts, "EchoTime")
    return series or 0.0, stack.series_instance_uid, echo or 0.0, stack.stack_id
