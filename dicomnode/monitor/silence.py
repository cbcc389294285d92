"""Streams of exams, and which have stopped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from dicomnode.domain.decision import Stream
from dicomnode.domain.instance import Instance
from dicomnode.domain.stack import Stack

KEPT = 60
"""Newest arrivals of a stream that are looked at."""
PATIENCE = 1.5
"""Times the longest pause between them."""

_FEWEST = 20
_LEAST_SPAN = timedelta(days=7)
"""A weekend must have been among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stream that has been silent for longer than ever among its newest arrivals."""

    since: datetime
    silent: timedelta
    limit: timedelta


def silence(arrivals: Sequence[datetime], now: datetime) -> Silence | None:
    """Whether a stream has stopped.

    It has when nothing came for half as long again as the longest pause between its newest 60 arrivals. Fewer than 20
    arrivals, or a week, say nothing.

    Parameters
    ----------
    arrivals : sequence of datetime
        In any order.
    """
    newest = sorted(arrivals)[-KEPT:]
    if len(newest) < _FEWEST or newest[-1] - newest[0] < _LEAST_SPAN:
        return None
    limit = PATIENCE * max(after - before for before, after in pairwise(newest))
    silent = now - newest[-1]
    return Silence(since=newest[-1], silent=silent, limit=limit) if silent > limit else None


def streams(stacks: Iterable[Stack], instances: Iterable[Instance]) -> set[Stream]:
    """The streams that an exam's volumes came along; who draws on them sends when it pleases."""
    senders = {instance.header.sop_instance_uid: instance.calling_aet for instance in instances}
    return {
        Stream(
            sender=senders[stack.instances[0]],
            scanner=" ".join(filter(None, (_text(stack, keyword) for keyword in _SCANNER))),
            protocol=_text(stack, "ProtocolName"),
        )
        for stack in stacks
        if stack.geometry is not None and not stack.is_segmentation
    }


_SCANNER = ("Manufacturer", "ManufacturerModelName", "DeviceSerialNumber")


def _text(stack: Stack, keyword: str) -> str:
    value = stack.facts.get(keyword, "")
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value)
