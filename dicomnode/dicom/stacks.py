"""Group the instances of one study into stacks: what belongs to one volume, in slice order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pydicom.uid import UID

from dicomnode.dicom.geometry import Plane, geometry_of, order, plane_of, refuse
from dicomnode.dicom.physics import number, words
from dicomnode.dicom.roles import decide
from dicomnode.dicom.splits import Group, in_uid_order, split
from dicomnode.domain.identity import digest_of
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Geometry, Stack


def stacks(headers: Sequence[InstanceHeader]) -> tuple[Stack, ...]:
    """All stacks of a study's instances; every instance is in exactly one.

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
    by_series: defaultdict[str, list[InstanceHeader]] = defaultdict(list)
    for header in {header.sop_instance_uid: header for header in headers}.values():
        by_series[header.series_instance_uid].append(header)
    found = [_stack(part, marks) for series in by_series.values() for part, marks in split(in_uid_order(series))]
    return tuple(sorted(found, key=_reading_order))


def not_a_slice(header: InstanceHeader) -> str:
    """Why an instance can be no slice of a volume; empty when it can."""
    name = UID(header.sop_class_uid).name.removesuffix(" Storage")
    if "Image" not in name:
        return f"not an image: {'private or unknown SOP class' if name == header.sop_class_uid else name}"
    facts = header.facts
    if "Enhanced" in name or "Multi-frame" in name or (number(facts, "NumberOfFrames") or 1) > 1:
        return f"{name}, multi-frame: not read by this release"
    if {"MOSAIC", "VFRAME"} & set(words(facts, "ImageType")):
        return "mosaic, several slices tiled in one image: not read by this release"
    photometric = str(facts.get("PhotometricInterpretation", "unknown"))
    if photometric == "MONOCHROME1":
        return "MONOCHROME1: values run from white to black and are no signal"
    if photometric != "MONOCHROME2":
        return f"no grey values (Photometric Interpretation {photometric})"
    if facts.get("LossyImageCompression") == "01":
        return "lossy compressed: values are not those of the scanner"
    return ""


def _stack(group: Group, marks: tuple[str, ...]) -> Stack:
    instances, geometry, refusal = _ordered(group)
    facts = {**instances[0].facts, "NumberOfSlices": len(instances)}
    return Stack(
        stack_id=digest_of([instances[0].series_instance_uid, *marks]),
        series_instance_uid=instances[0].series_instance_uid,
        frame_of_reference_uid=str(facts.get("FrameOfReferenceUID", "")),
        instances=tuple(header.sop_instance_uid for header in instances),
        facts=facts,
        geometry=geometry,
        refusal=refusal,
        role=decide(facts, not_a_slice(instances[0])),
    )


def _ordered(group: Group) -> tuple[Group, Geometry | None, str]:
    """The instances in slice order, and their grid or why there is none."""
    planes: list[Plane] = []
    for header in group:
        plane = not_a_slice(header) or plane_of(header.facts)
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
