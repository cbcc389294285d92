"""The moment a result belongs to: that of its newest source image, never the wall clock."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydicom import Dataset

_DATE = re.compile(r"(\d{4})\.?(0[1-9]|1[0-2])\.?(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?(?:\.\d{1,6})?")
_DATETIME = re.compile(r"(\d{8})(\d{2,6})?(?:\.\d{1,6})?(?:[+-]\d{4})?")


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A date (VR DA) and a time (VR TM) of full seconds."""

    date: str
    time: str


UNKNOWN = Moment("19000101", "000000")


def newest(headers: Iterable[Dataset]) -> Moment:
    """The latest moment any of the images names; :data:`UNKNOWN` when none names one.

    Considers AcquisitionDateTime and the dates and times of acquisition, content, series and study. What is not a
    date is passed over: a source's faulty time must not keep its result from being written.
    """
    return max((moment for header in headers for moment in _moments(header)), default=UNKNOWN)


def _moments(header: Dataset) -> Iterator[Moment]:
    if found := _DATETIME.fullmatch(str(header.get("AcquisitionDateTime") or "").strip()):
        yield from _moment(found[1], found[2] or "")
    for level in ("Acquisition", "Content", "Series", "Study"):
        yield from _moment(str(header.get(f"{level}Date") or ""), str(header.get(f"{level}Time") or ""))


def _moment(date: str, time: str) -> Iterator[Moment]:
    if day := _DATE.fullmatch(date.strip()):
        clock = _TIME.fullmatch(time.strip())
        hours, minutes, seconds = clock.groups(default="00") if clock else ("00", "00", "00")
        yield Moment("".join(day.groups()), hours + minutes + seconds)
