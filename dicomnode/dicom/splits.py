"""What sets apart the volumes that share one series: physics and geometry, never counters or clocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TypeAlias

from dicomnode.dicom.frames import Frame
from dicomnode.dicom.geometry import Plane, parallel, plane_of
from dicomnode.dicom.physics import number, words
from dicomnode.domain.instance import Facts

Group: TypeAlias = tuple[Frame, ...]
"""Planes in the order of their UIDs and frame numbers: no result depends on the order of arrival."""
Split: TypeAlias = Callable[[Group], list[Group]]

_SAME_ECHO_TIME = 0.02  # ms
_SAME_ANGLE = 0.01  # degrees
_SAME_INVERSION_TIME = 0.5  # ms
_SAME_B_VALUE = 0.5  # s/mm2
_PIXEL_DECIMALS = 4  # of mm: spacings that agree to these are the same

# What may tell apart slices at one position. AcquisitionNumber and AcquisitionTime differ inside good volumes.
_REPEATS = ("TemporalPositionIdentifier", "DiffusionGradientOrientation", "TriggerTime", "EchoNumbers")


def split(group: Group) -> list[tuple[Group, tuple[str, ...]]]:
    """Parts of one series, each with the marks that set it apart from the others."""
    parts: list[tuple[Group, tuple[str, ...]]] = [(group, ())]
    for name, divide in _SPLITS.items():
        divided: list[tuple[Group, tuple[str, ...]]] = []
        for part, marks in parts:
            pieces = divide(part)
            divided += [
                (piece, marks if len(pieces) == 1 else (*marks, f"{name} {n}")) for n, piece in enumerate(pieces)
            ]
        parts = divided
    return parts


def in_uid_order(frames: list[Frame]) -> Group:
    """The frames as a group."""
    return tuple(sorted(frames, key=lambda frame: (frame.sop_instance_uid, frame.number)))


def by_value(value: Callable[[Frame], object]) -> Split:
    """Split by equal values."""

    def divide(group: Group) -> list[Group]:
        parts: defaultdict[str, list[Frame]] = defaultdict(list)
        for frame in group:
            parts[str(value(frame))].append(frame)
        return [tuple(parts[key]) for key in sorted(parts)]

    return divide


def by_number(keyword: str, same: float) -> Split:
    """Split where neighbouring values of an attribute lie further apart than ``same``; absent is a value of its own."""

    def divide(group: Group) -> list[Group]:
        absent = [frame for frame in group if number(frame.facts, keyword) is None]
        valued = [(value, n) for n, frame in enumerate(group) if (value := number(frame.facts, keyword)) is not None]
        parts: list[list[Frame]] = []
        before = float("-inf")
        for value, n in sorted(valued):
            if value - before > same:
                parts.append([])
            parts[-1].append(group[n])
            before = value
        return [in_uid_order(part) for part in (absent, *parts) if part]

    return divide


def by_orientation(group: Group) -> list[Group]:
    """Split by direction of rows and columns, unless most slices have their own: radial planes are no volumes."""
    parts: list[tuple[Plane | str, list[Frame]]] = []
    by_direction = sorted(group, key=lambda frame: str(frame.facts.get("ImageOrientationPatient")))
    for frame in by_direction:
        plane = plane_of(frame.facts)
        for leader, part in parts:
            if plane == leader or (isinstance(plane, Plane) and isinstance(leader, Plane) and parallel(plane, leader)):
                part.append(frame)
                break
        else:
            parts.append((plane, [frame]))
    return [group] if len(parts) > len(group) / 2 else [in_uid_order(part) for _, part in parts]


def by_repeats(group: Group) -> list[Group]:
    """Split slices that share positions, where one attribute, or all together, tells complete volumes apart."""
    repeats = _most_at_one_place(group)
    if repeats < 2:
        return [group]
    for keywords in (*((keyword,) for keyword in _REPEATS), _REPEATS):
        parts = by_value(_all_of(keywords))(group)
        if len(parts) == repeats and all(_most_at_one_place(part) == 1 for part in parts):
            return parts
    return [group]


def _all_of(keywords: tuple[str, ...]) -> Callable[[Frame], object]:
    return lambda frame: [frame.facts.get(keyword) for keyword in keywords]


def _most_at_one_place(group: Group) -> int:
    places = Counter(str(frame.facts.get("ImagePositionPatient", frame.sop_instance_uid)) for frame in group)
    return max(places.values())


def _pixel(facts: Facts) -> object:
    value = facts.get("PixelSpacing")
    return [round(float(distance), _PIXEL_DECIMALS) for distance in value] if isinstance(value, list) else None


_SPLITS: dict[str, Split] = {
    "class": by_value(lambda frame: frame.sop_class_uid),
    "frame of reference": by_value(lambda frame: frame.facts.get("FrameOfReferenceUID")),
    "matrix": by_value(lambda frame: (frame.facts.get("Rows"), frame.facts.get("Columns"))),
    "pixel": by_value(lambda frame: _pixel(frame.facts)),
    "image type": by_value(lambda frame: words(frame.facts, "ImageType")),
    "echo time": by_number("EchoTime", _SAME_ECHO_TIME),
    "b-value": by_number("DiffusionBValue", _SAME_B_VALUE),
    "flip angle": by_number("FlipAngle", _SAME_ANGLE),
    "inversion time": by_number("InversionTime", _SAME_INVERSION_TIME),
    "orientation": by_orientation,
    "repeat": by_repeats,
}
