"""How many images a series should have, by what its own headers say, and which of them are not there.

Every source is one that some scanner fills and another abuses: GE writes ImagesInAcquisition 1 into each of 21 images.
A count below what is there says nothing; a count above it says that something is missing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dicomnode.dicom.frames import frames_of
from dicomnode.dicom.physics import number
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Stack

_FIRST_ARE_MISSING = 3
"""Numbers that begin at 2 or 3 have lost their first; those that begin later count on from another series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What one attribute announces, and how much of it is there."""

    name: str
    announced: int
    there: int


def counts(headers: Sequence[InstanceHeader], stacks: Sequence[Stack]) -> tuple[Count, ...]:
    """All counts that say something about one series.

    Parameters
    ----------
    headers : sequence of InstanceHeader
        Of the series.
    stacks : sequence of Stack
        Its volumes.
    """
    found = [
        *_in_acquisition(headers),
        *_in_concatenation(headers),
        *_slices(headers, stacks),
        *_locations(headers),
        *_echoes(headers),
        *_instance_numbers(headers),
    ]
    return tuple(count for count in found if count.announced >= count.there > 0)


def _in_acquisition(headers: Iterable[InstanceHeader]) -> Iterable[Count]:
    """Images in Acquisition (0020,1002), for each Acquisition Number."""
    acquisitions: defaultdict[object, list[int]] = defaultdict(list)
    for header in headers:
        acquisitions[header.facts.get("AcquisitionNumber")].append(
            int(number(header.facts, "ImagesInAcquisition") or 0)
        )
    for announced in acquisitions.values():
        yield Count(name="ImagesInAcquisition", announced=max(announced), there=len(announced))


def _in_concatenation(headers: Iterable[InstanceHeader]) -> Iterable[Count]:
    """In-concatenation Total Number (0020,9163): files that hold one multi-frame image (PS3.3 C.7.6.16.2.2)."""
    parts = [header for header in headers if "ConcatenationUID" in header.facts]
    there = Counter(str(header.facts["ConcatenationUID"]) for header in parts)
    totals = {str(part.facts["ConcatenationUID"]): number(part.facts, "InConcatenationTotalNumber") for part in parts}
    for uid, total in totals.items():
        yield Count(name="InConcatenationTotalNumber", announced=int(total or 0), there=there[uid])


def _slices(headers: Sequence[InstanceHeader], stacks: Sequence[Stack]) -> Iterable[Count]:
    """Number of Slices (0054,0081) of each volume: UIH writes it."""
    announced = {value for header in headers if (value := number(header.facts, "NumberOfSlices"))}
    if len(announced) == 1:
        fewest = min(stacks, key=lambda stack: len(stack.instances))
        yield Count(name="NumberOfSlices", announced=int(announced.pop()), there=len(fewest.instances))


def _locations(headers: Sequence[InstanceHeader]) -> Iterable[Count]:
    """Number of Slices MR of Philips (2001,xx18), Locations In Acquisition of GE (0021,xx4F): places of all volumes."""
    frames = [frame for header in headers for frame in frames_of(header)]
    places = {
        (str(frame.facts.get("ImagePositionPatient")), str(frame.facts.get("ImageOrientationPatient")))
        for frame in frames
    }
    for name in ("PhilipsNumberOfSlices", "GELocationsInAcquisition"):
        announced = {value for header in headers if (value := number(header.facts, name))}
        if len(announced) == 1:
            yield Count(name=name, announced=int(announced.pop()), there=len(places))


def _echoes(headers: Iterable[InstanceHeader]) -> Iterable[Count]:
    """Echoes of one series have equally many images each."""
    times = (number(header.facts, "EchoTime") for header in headers)
    echoes = Counter(round(time, 1) for time in times if time is not None)
    if len(echoes) > 1:
        yield Count(name="images of each echo", announced=max(echoes.values()), there=min(echoes.values()))


def _instance_numbers(headers: Sequence[InstanceHeader]) -> Iterable[Count]:
    """Instance Numbers that count up without a hole, where every image has its own."""
    numbers = {int(value) for header in headers if (value := number(header.facts, "InstanceNumber")) is not None}
    if numbers and len(numbers) == len(headers):
        first = 1 if 1 < min(numbers) <= _FIRST_ARE_MISSING else min(numbers)
        yield Count(name="InstanceNumber", announced=max(numbers) - first + 1, there=len(numbers))
