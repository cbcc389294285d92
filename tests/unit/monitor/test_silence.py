"""A stream that stops is noticed; nights, weekends and young streams are not taken for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from dicomnode.domain.decision import Stream
from dicomnode.domain.identity import AETitle
from dicomnode.monitor.silence import silence, streams
from tests.values import NOON, instance, stack

MONDAY = NOON - timedelta(days=NOON.weekday())


def _weekdays(weeks: int, hours: tuple[int, ...] = (-3, 0, 3)) -> list[datetime]:
    return [
        MONDAY + timedelta(weeks=week, days=day, hours=hour)
        for week in range(weeks)
        for day in range(5)
        for hour in hours
    ]


def test_no_hour_of_six_working_weeks_is_silence() -> None:
    arrivals = _weekdays(6)
    for hour in range(24 * 7 * 4):
        now = MONDAY + timedelta(weeks=2, hours=hour)
        assert silence([moment for moment in arrivals if moment <= now], now) is None


def test_a_stream_that_stopped_is_silent_after_one_and_a_half_weekends() -> None:
    arrivals = _weekdays(4)
    weekend = timedelta(days=3, hours=-6)
    assert silence(arrivals, arrivals[-1] + 1.49 * weekend) is None
    found = silence(arrivals[::-1], arrivals[-1] + 1.51 * weekend)
    assert found is not None
    assert (found.since, found.limit) == (arrivals[-1], 1.5 * weekend)


def test_what_is_young_or_rare_says_nothing() -> None:
    late = MONDAY + timedelta(days=300)
    assert silence([], late) is None
    assert silence([MONDAY + timedelta(weeks=n) for n in range(19)], late) is None
    assert silence([MONDAY + timedelta(hours=n) for n in range(60)], late) is None


def test_a_stream_is_sender_scanner_and_protocol_of_volumes() -> None:
    facts = {"Manufacturer": "Siemens", "ManufacturerModelName": "Vida", "ProtocolName": "t1_tse"}
    volume = replace(stack("1.1"), facts=facts)
    none = [replace(volume, geometry=None, facts={}), replace(volume, is_segmentation=True, facts={})]
    found = streams([volume, volume, *none], [instance("1.1")])
    assert found == {Stream(sender=AETitle("SENDER"), scanner="Siemens Vida", protocol="t1_tse")}
    assert str(*found) == "t1_tse of Siemens Vida from SENDER"
