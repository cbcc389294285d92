"""Spans of the day, over midnight too."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.deliver.hours import opens_in

TIMES = st.times().map(lambda time: time.strftime("%H:%M"))


@pytest.mark.parametrize(
    ("hours", "at", "wait"),
    [
        ((), "12:00", 0),
        (("19:00-07:00",), "06:59", 0),
        (("19:00-07:00",), "07:00", 12 * 3600),
        (("19:00-07:00",), "19:00", 0),
        (("08:00-09:00", "12:30-13:00"), "11:30", 3600),
        (("08:00-09:00",), "09:00", 23 * 3600),
        (("00:00-00:00",), "09:00", 0),
    ],
)
def test_wait(hours: tuple[str, ...], at: str, wait: float) -> None:
    assert opens_in(hours, datetime.fromisoformat(f"2026-03-01 {at}")) == wait


@given(TIMES, TIMES, st.datetimes(datetime.fromisoformat("2026-01-02"), datetime.fromisoformat("2026-12-30")))
def test_after_the_wait_it_is_open(begin: str, end: str, now: datetime) -> None:
    span = (f"{begin}-{end}",)
    wait = opens_in(span, now)
    assert 0 <= wait < 86400
    assert opens_in(span, now + timedelta(seconds=wait)) == 0
