"""Take a received Segmentation for what it is: labels that were drawn on images of a series (PS3.3 A.51, A.92)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from dicomnode.dicom import segment_facts
from dicomnode.dicom.evidence import decided
from dicomnode.dicom.geometry import LEAST_TOLERANCE, Plane, parallel, plane_of
from dicomnode.dicom.physics import number
from dicomnode.domain.identity import SeriesInstanceUID, digest_of
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Geometry, Stack

ROLE = "segmentation"
"""What the node recognises a segmentation as that a plugin can be given."""
MOST_PLACES = 10_000
"""Frame positions between the first and the last; more are absurd."""

_SAME_PLACE = 0.01  # mm


def stack_of(header: InstanceHeader, numbers: Mapping[SeriesInstanceUID, str]) -> Stack:
    """A segmentation as a stack of its own.

    Parameters
    ----------
    header : InstanceHeader
        Of one of the classes in :data:`dicomnode.dicom.segment_facts.CLASSES`.
    numbers : mapping of Series Instance UID to Series Number
        Of the images that are here, for words.

    Returns
    -------
    Stack
        With a refusal where it cannot be used whatever it is asked for. The geometry is that of its frames from the
        first to the last: where the labels lie is settled when they are read.
    """
    planes = planes_of(header)
    refusal = _refusal(header) or (planes if isinstance(planes, str) else "")
    facts = header.facts
    made_on = tuple(SeriesInstanceUID(uid) for uid in _texts(header, segment_facts.SERIES))
    where = " and ".join(numbers.get(uid, "a series that is not here") for uid in made_on)
    role = decided("", refusal) if refusal else decided(ROLE, f"a segmentation, made on {where}")
    return Stack(
        stack_id=digest_of([header.series_instance_uid, "segmentation", header.sop_instance_uid]),
        series_instance_uid=header.series_instance_uid,
        frame_of_reference_uid=str(facts.get("FrameOfReferenceUID", "")),
        instances=(header.sop_instance_uid,),
        facts={**facts, "MadeOn": where},
        geometry=None if refusal or isinstance(planes, str) else _geometry(planes, header),
        refusal=refusal,
        role=role,
        is_segmentation=True,
        made_on=made_on,
    )


def planes_of(header: InstanceHeader) -> tuple[Plane, ...] | str:
    """The places of a segmentation's frames, in the order of the first one's normal; in words why there are none."""
    if not header.frames:
        return "a segmentation without functional groups that say where each frame lies"
    planes: list[Plane] = []
    for frame in header.frames:
        plane = plane_of({**header.facts, **frame})
        if isinstance(plane, str):
            return f"a segmentation with {plane}"
        planes.append(plane)
    first = planes[0]
    if turned := sum(not parallel(first, plane) for plane in planes):
        return f"a segmentation in mixed orientation: {turned} places are turned against the first"
    if any(plane.spacing != first.spacing for plane in planes):
        return "a segmentation with pixels of different size"
    planes.sort(key=lambda plane: float(first.normal @ np.array(plane.origin)))
    aside = max(_aside(first, plane) for plane in planes)
    if aside > LEAST_TOLERANCE:
        return f"a segmentation whose frames shift {aside:.3g} mm within their plane"
    return tuple(planes)


def heights(planes: Sequence[Plane]) -> tuple[float, ...]:
    """Distances of ordered planes from the first one, along the normal, mm; equal places once."""
    first = planes[0]
    every = [float(first.normal @ (np.array(plane.origin) - np.array(first.origin))) for plane in planes]
    kept = every[:1]
    for height in every[1:]:
        if height - kept[-1] > _SAME_PLACE:
            kept.append(height)
    return tuple(kept)


def _refusal(header: InstanceHeader) -> str:
    facts = header.facts
    kind = str(facts.get("SegmentationType", "")).upper()
    if kind == "FRACTIONAL":
        return "a fractional segmentation: probability or occupancy is no label"
    if kind != ("LABELMAP" if header.sop_class_uid == segment_facts.LABEL_MAP else "BINARY"):
        return f"a segmentation of type {kind or 'unknown'}, which its class does not have"
    if facts.get("SegmentsOverlap") == "YES":
        return "a segmentation whose segments overlap: such a voxel has no one label"
    if facts.get("LossyImageCompression") == "01":
        return "a lossy compressed segmentation: its labels are not those that were drawn"
    if not facts.get(segment_facts.SERIES):
        return "a segmentation that does not say on which series it was made"
    return "" if facts.get(segment_facts.TYPES) else "a segmentation without coded segments"


def _texts(header: InstanceHeader, keyword: str) -> list[str]:
    value = header.facts.get(keyword, [])
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _aside(first: Plane, plane: Plane) -> float:
    away = np.array(plane.origin) - np.array(first.origin)
    return float(np.linalg.norm(away - float(first.normal @ away) * first.normal))


def _geometry(planes: Sequence[Plane], header: InstanceHeader) -> Geometry:
    first, places = planes[0], heights(planes)
    stated = number(header.facts, "SpacingBetweenSlices") or number(header.facts, "SliceThickness") or 1.0
    step = min((after - before for before, after in pairwise(places)), default=abs(stated) or 1.0)
    x, y, z = (float(value) for value in first.normal)
    return Geometry(
        shape=(min(MOST_PLACES, 1 + round(places[-1] / step)), *first.size),
        origin=first.origin,
        spacing=(step, *first.spacing),
        row=first.row,
        column=first.column,
        normal=(x, y, z),
    )
