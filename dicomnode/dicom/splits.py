"""What sets apart the volumes that share one series: physics and geometry, never counters or clocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import TypeAlias

from dicomnode.dicom.geometry import Plane, parallel, plane_of
from dicomnode.dicom.physics import number, words
from dicomnode.domain.instance import Facts, InstanceHeader

Group: TypeAlias = tuple[InstanceHeader, ...]
"""Instances in the order of their UIDs: no result depends on the order of arrival."""
Split: TypeAlias = Callable[[Group], list[Group]]

_SAME_ECHO_TIME = 0.02  # ms
_SAME_ANGLE = 0.01  # degrees
_SAME_INVERSION_TIME = 0.5  # ms
_SAME_B_VALUE = 0.5  # s/mm2
_SAME_PIXEL = 1e-4  # mm

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


def in_uid_order(headers: list[InstanceHeader]) -> Group:
    """The headers as a group."""
    return tuple(sorted(headers, key=lambda header: header.sop_instance_uid))


def by_value(value: Callable[[InstanceHeader], object]) -> Split:
    """Split by equal values."""

    def divide(group: Group) -> list[Group]:
        parts: defaultdict[str, list[InstanceHeader]] = defaultdict(list)
        for header in group:
            parts[str(value(header))].append(header)
        return [tuple(parts[key]) for key in sorted(parts)]

    return divide


def by_number(keyword: str, same: float) -> Split:
    """Split where neighbouring values of an attribute lie further apart than ``same``; absent is a value of its own."""

    def divide(group: Group) -> list[Group]:
        absent = [header for header in group if number(header.facts, keyword) is None]
        valued = [(value, n) for n, header in enumerate(group) if (value := number(header.facts, keyword)) is not None]
        parts: list[list[InstanceHeader]] = []
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
    parts: list[tuple[Plane | str, list[InstanceHeader]]] = []
    by_direction = sorted(group, key=lambda header: str(header.facts.get("ImageOrientationPatient")))
    for header in by_direction:
        plane = plane_of(header.facts)
        for leader, part in parts:
            if plane == leader or (isinstance(plane, Plane) and isinstance(leader, Plane) and parallel(plane, leader)):
                part.append(header)
                break
        else:
            parts.append((plane, [header]))
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


def _all_of(keywords: tuple[str, ...]) -> Callable[[InstanceHeader], object]:
    return lambda header: [header.facts.get(keyword) for keyword in keywords]


def _most_at_one_place(group: Group) -> int:
    places = Counter(str(header.facts.get("ImagePositionPatient", header.sop_instance_uid)) for header in group)
    return max(places.values())


def _pixel(facts: Facts) -> object:
    value = facts.get("PixelSpacing")
    return [round(float(distance) / _SAME_PIXEL) for distance in value] if isinstance(value, list) else None


_SPLITS: dict[str, Split] = {
    "class": by_value(lambda header: header.sop_class_uid),
    "frame of reference": by_value(lambda header: header.facts.get("FrameOfReferenceUID")),
    "matrix": by_value(lambda header: (header.facts.get("Rows"), header.facts.get("Columns"))),
    "pixel": by_value(lambda header: _pixel(header.facts)),
    "image type": by_value(lambda header: words(header.facts, "ImageType")),
    "echo time": by_number("EchoTime", _SAME_ECHO_TIME),
    "b-value": by_number("DiffusionBValue", _SAME_B_VALUE),
    "flip angle": by_number("FlipAngle", _SAME_ANGLE),
    "inversion time": by_number("InversionTime", _SAME_INVERSION_TIME),
    "orientation": by_orientation,
    "repeat": by_repeats,
}
