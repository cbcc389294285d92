"""When a destination may be sent to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta


def opens_in(hours: Sequence[str], local: datetime) -> float:
    """Seconds until one of these spans of the day begins; 0 inside one, or where there is none.

    Parameters
    ----------
    hours : sequence of str
        ``HH:MM-HH:MM``, the end not included; one that ends before it begins runs over midnight.
    local : datetime
        The wall clock where the destination is.

    Examples
    --------
    >>> opens_in(["19:00-07:00"], datetime(2026, 3, 1, 18, 30)), opens_in(["19:00-07:00"], datetime(2026, 3, 1, 6, 59))
    (1800.0, 0.0)
    """
    waits = [_wait(span, local) for span in hours]
    return min(waits, default=0.0)


def _wait(span: str, local: datetime) -> float:
    begin, end = (_on(local, time) for time in span.split("-"))
    inside = begin <= local < end if begin < end else local >= begin or local < end
    if inside or begin == end:
        return 0.0
    return ((begin if local < begin else begin + timedelta(days=1)) - local).total_seconds()


def _on(day: datetime, time: str) -> datetime:
    hour, minute = map(int, time.split(":"))
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
