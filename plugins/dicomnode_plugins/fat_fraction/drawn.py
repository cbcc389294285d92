"""What a reader, or another system, has drawn: a liver in place of the proposal, and regions of interest."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Case, Finding, LabelledSegment, Labels, QualitativeEvaluation, Segment, Segmentation
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE
from dicomnode.sdk.codes import LIVER as LIVER_CODE
from dicomnode_plugins.fat_fraction import codes, readings
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask
from dicomnode_plugins.fat_fraction.organs import Organs

ROLE = "drawn"
MOST = 20
"""Regions of interest that are read."""
_COLOUR = (230, 120, 220)
_MAKERS = {"MANUAL": "drawn by hand", "SEMIAUTOMATIC": "drawn with software", "AUTOMATIC": "made by software"}
_SOURCE = "of the received Segmentation that this report lists among its sources"


def liver(case: Case) -> Mask | None:
    """(z, y, x) the received liver: all segments of that type together; None where there is none."""
    received = case.segmentations.get(ROLE)
    masks = [received.mask(segment) for segment in received.of_type([LIVER_CODE])] if received else []
    whole: Mask = np.logical_or.reduce(masks) if masks else np.zeros(0, np.bool_)
    return whole if whole.any() else None


def said(case: Case, found: Organs) -> list[Finding]:
    """Which liver was used and where it comes from, or why a received one was not."""
    received = case.segmentations.get(ROLE)
    if received is None:
        reason = case.left_out.get(ROLE)
        return [_caution(f"A received Segmentation was not used: {reason}.")] if reason else []
    named = received.of_type([LIVER_CODE])
    if not named:
        return []
    which = f"{' and '.join(_named(segment) for segment in named)} {_SOURCE}"
    if found.is_given:
        text = (
            f"The liver outline is {which}. It passed the quality gate, and no proposal was made. Fat fractions are "
            "read without its 5 mm rim and without vessels."
        )
        return [QualitativeEvaluation(name=codes.OUTLINE_SOURCE, value=text, of=readings.LIVER)]
    why = "; ".join(found.refused) or "it holds no voxel"
    return [_caution(f"Not used as the liver outline: {which}: {why}. A proposal was made in its place.")]


def regions(case: Case, percent: FloatArray) -> list[Finding]:
    """Fat fraction in each received region of interest, with its volume, and its area where it lies on one slice."""
    received = case.segmentations.get(ROLE)
    drawn = received.of_type([codes.REGION]) if received else ()
    held = [(segment, mask) for segment in drawn if received and (mask := received.mask(segment)).any()][:MOST]
    if received is None or not held:
        return []
    labels = np.zeros(received.array.shape, np.uint8)
    findings: list[Finding] = []
    for number, (segment, mask) in enumerate(held, start=1):
        labels[mask] = number
        findings += _read(case, percent, mask, _label(number, segment))
    segments = tuple(
        Segment(label=_label(number, segment), category=ANATOMICAL_STRUCTURE, type=codes.REGION, colour=_COLOUR)
        for number, (segment, _) in enumerate(held, start=1)
    )
    return [Segmentation(on=received.on, labels=labels, segments=segments), *findings, *_beyond(received, held)]


def _read(case: Case, percent: FloatArray, mask: Mask, of: str) -> list[Finding]:
    volume = case.volume("in_phase")
    if np.isnan(percent[mask]).all():
        return [QualitativeEvaluation(name=codes.CAUTION, value="No voxel of it can be measured.", of=of)]
    found = readings.described(percent, mask, volume.voxel_volume, of)
    if np.count_nonzero(mask.any((1, 2))) == 1:
        _, rows, columns = volume.spacing
        found.append(readings.area(np.count_nonzero(mask) * rows * columns / 100, of))
    return found


def _beyond(received: Labels, held: list[tuple[LabelledSegment, Mask]]) -> list[Finding]:
    unread = len(received.of_type([codes.REGION])) - len(held)
    return [_caution(f"{unread} further received regions are empty or too many and were not read.")] if unread else []


def _label(number: int, segment: LabelledSegment) -> str:
    return f"Received region {number}: {segment.label}"[:64].strip()


def _named(segment: LabelledSegment) -> str:
    maker = _MAKERS.get(segment.maker, "")
    return f"segment '{segment.label}'" + (f" ({maker})" if maker else "")


def _caution(text: str) -> QualitativeEvaluation:
    return QualitativeEvaluation(name=codes.CAUTION, value=text)
