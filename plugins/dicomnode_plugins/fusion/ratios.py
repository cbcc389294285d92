"""Signal of nerve over that of muscle on each side, in regions that a reader has drawn on the CE-MRN."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dicomnode.sdk import (
    Case,
    Code,
    Finding,
    LabelledSegment,
    Labels,
    Measurement,
    QualitativeEvaluation,
    Segment,
    Segmentation,
)
from dicomnode.sdk.codes import MEAN, NO_UNITS, RATIO, SIDES, TISSUE
from dicomnode_plugins._imaging.grids import Mask, Values
from dicomnode_plugins.fusion import codes
from dicomnode_plugins.fusion.nerves import SignalRatio, ratio_of_ratios, signal_ratio

ROLE, ON = "drawn", "ce_mrn"
NERVE, MUSCLE = codes.NERVES[0], codes.MUSCLES[0]
SIDE_RATIO = codes.private("NERVE_RATIO", "SI nerve / SI muscle")
BOTH_RATIO = codes.private("NERVE_RATIOS", "SI nerve / SI muscle, affected over other side")
AFFECTED = codes.private("AFFECTED_SIDE", "Affected side")

_Side = Literal["L", "R"]
_BOTH: tuple[_Side, ...] = ("L", "R")
_OTHER: dict[_Side, _Side] = {"L": "R", "R": "L"}
_WORDS = {"L": "left", "R": "right"}
_COLOURS = {NERVE: (255, 230, 90), MUSCLE: (200, 90, 80)}
_IS_AFFECTED = re.compile(r"(?<!not )\b(affected|involved)\b", re.IGNORECASE)
_IS_OTHER = re.compile(r"\b(contralateral|unaffected|uninvolved|healthy)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Regions:
    """What was drawn on one side; (z, y, x) bool."""

    nerve: Mask
    muscle: Mask


def findings(case: Case) -> list[Finding]:
    """The ratio of each side and, where the affected side is said, the ratio of both; what is missing is said."""
    received = case.segmentations.get(ROLE)
    if received is None:
        reason = case.left_out.get(ROLE)
        return [_caution(f"A received Segmentation was not used: {reason}.")] if reason else []
    sides = {side: _regions(received, side) for side in _BOTH}
    drawn, labels = _segmentation(received, sides)
    if drawn is None:
        return [
            *_sideless(received),
            _caution("No received region of nerve or muscle has a side: no ratio is measured."),
        ]
    found: list[Finding] = [drawn]
    ratios: dict[_Side, SignalRatio] = {}
    for side, regions in sides.items():
        ratio = _ratio(case.volume(ON).array, regions)
        if isinstance(ratio, SignalRatio):
            ratios[side] = ratio
            found += _side(ratio, side)
        else:
            found.append(_caution(f"SI nerve / SI muscle is not measured on the {_WORDS[side]} side: {ratio}."))
    return [*found, *_sideless(received), *_compared(received, ratios), *_source(labels)]


def compared(found: Sequence[Finding]) -> float | None:
    """The ratio of both sides among findings, where it was measured."""
    return next((one.value for one in found if isinstance(one, Measurement) and one.name == BOTH_RATIO), None)


def _regions(received: Labels, side: _Side) -> _Regions:
    nerve, muscle = (
        _together(received, [one for one in received.of_type(types) if one.side == side])
        for types in (codes.NERVES, codes.MUSCLES)
    )
    return _Regions(nerve=nerve, muscle=muscle)


def _ratio(neurogram: Values, regions: _Regions) -> SignalRatio | str:
    """The ratio of one side, or why there is none."""
    missing = [name for name, mask in (("nerve", regions.nerve), ("muscle", regions.muscle)) if not mask.any()]
    if missing:
        return f"no {' and no '.join(missing)} was drawn there"
    try:
        return signal_ratio(neurogram, regions.nerve, regions.muscle)
    except ValueError as error:
        return str(error)


def _together(received: Labels, segments: Sequence[LabelledSegment]) -> Mask:
    whole = np.zeros(received.array.shape, np.bool_)
    for segment in segments:
        whole |= received.mask(segment)
    return whole


def _segmentation(received: Labels, sides: dict[_Side, _Regions]) -> tuple[Segmentation | None, list[str]]:
    """The regions as they were read, one segment for each structure and side; None where there are none."""
    labels = np.zeros(received.array.shape, np.uint8)
    segments: list[Segment] = []
    for side, regions in sides.items():
        for kind, mask in ((NERVE, regions.nerve), (MUSCLE, regions.muscle)):
            if mask.any():
                name = _label(kind, side)
                segments.append(Segment(label=name, category=TISSUE, type=kind, colour=_COLOURS[kind], side=side))
                labels[mask] = len(segments)
    names = [segment.label for segment in segments]
    return (Segmentation(on=received.on, labels=labels, segments=tuple(segments)) if segments else None), names


def _side(ratio: SignalRatio, side: _Side) -> list[Finding]:
    nerve, muscle = _label(NERVE, side), _label(MUSCLE, side)
    return [
        Measurement(name=codes.SIGNAL, value=ratio.nerve, unit=NO_UNITS, of=nerve, derivation=MEAN, decimals=1),
        Measurement(name=SIDE_RATIO, value=ratio.value, unit=RATIO, of=nerve, decimals=3),
        Measurement(name=codes.SIGNAL, value=ratio.muscle, unit=NO_UNITS, of=muscle, derivation=MEAN, decimals=1),
    ]


def _compared(received: Labels, ratios: dict[_Side, SignalRatio]) -> list[Finding]:
    """Affected over other side; nothing is guessed."""
    side, why = _affected(received)
    if side is None:
        return [_caution(f"Affected over other side is not measured: {why}.")]
    found: list[Finding] = [
        QualitativeEvaluation(name=AFFECTED, value=SIDES[side]),
        QualitativeEvaluation(name=codes.METHOD, value=f"Affected side: {_WORDS[side]}, by {why}."),
    ]
    if missing := [_WORDS[one] for one in _BOTH if one not in ratios]:
        return [*found, _caution(f"Affected over other side is not measured: no ratio on the {' and '.join(missing)}.")]
    value = ratio_of_ratios(ratios[side], ratios[_OTHER[side]])
    return [*found, Measurement(name=BOTH_RATIO, value=value, unit=RATIO, decimals=3)]


def _affected(received: Labels) -> tuple[_Side | None, str]:
    """The side of a lesion that was drawn, else what the labels of nerves call it; and how it is known, or why not."""
    by_lesion = {one.side: f"the lesion '{one.label}' that was drawn" for one in received.of_type(codes.LESIONS)}
    by_label: dict[str, str] = {}
    for one in received.of_type(codes.NERVES):
        if _IS_OTHER.search(one.label):
            by_label[{"L": "R", "R": "L"}.get(one.side, "")] = f"the label '{one.label}'"
        elif _IS_AFFECTED.search(one.label):
            by_label[one.side] = f"the label '{one.label}'"
    for known in (by_lesion, by_label):
        said = {side: why for side, why in known.items() if side in _BOTH}
        if len(said) > 1:
            return None, "lesions or labels name both sides"
        for side in _BOTH:
            if side in said:
                return side, said[side]
    return None, "neither a lesion with a side nor a label says which side is affected"


def _sideless(received: Labels) -> list[Finding]:
    named = [one.label for one in received.of_type((*codes.NERVES, *codes.MUSCLES)) if one.side not in _BOTH]
    if not named:
        return []
    return [_caution(f"Received regions without one side are not read: {', '.join(named)}."[:1000])]


def _source(labels: Sequence[str]) -> list[Finding]:
    said = f"{', '.join(labels)}: as drawn in the received Segmentation that this report lists among its sources."
    return [QualitativeEvaluation(name=codes.METHOD, value=said)]


def _label(kind: Code, side: _Side) -> str:
    return f"{kind.meaning}, {_WORDS[side]}"


def _caution(text: str) -> QualitativeEvaluation:
    return QualitativeEvaluation(name=codes.CAUTION, value=text)
