"""Count what comes in, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import ReceiveError


class WayIn(Protocol):
    """What instances are admitted by."""

    def admit(self, received: Received) -> SeriesInstanceUID:
        """Take an instance, or raise the ReceiveError that is answered."""

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        """An association that brought these series ended in good order."""


class Counts(Protocol):
    """Where it is counted."""

    def received(self, sender: str, size: int, refusal: str = "") -> None:
        """Count an instance of so many bytes, acknowledged or refused for a reason."""

    def released(self, sender: str) -> None:
        """Count an association that ended in good order."""


class Tally:
    """A way in that counts instances, bytes and refusals, and changes nothing."""

    def __init__(self, inner: WayIn, counts: Counts) -> None:
        self._inner = inner
        self._counts = counts

    def admit(self, received: Received) -> SeriesInstanceUID:
        """Have an instance admitted, and count it; what its transport raises is no refusal and is not counted."""
        size = [0]
        counted = replace(received, data_set=_measured(received.data_set, size))
        try:
            series = self._inner.admit(counted)
        except ReceiveError as refusal:
            self._counts.received(received.calling_aet, size[0], type(refusal).__name__)
            raise
        self._counts.received(received.calling_aet, size[0])
        return series

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        """Pass a release on, then count it."""
        self._inner.released(calling_aet, series)
        self._counts.released(calling_aet)


def _measured(pieces: Iterable[bytes | memoryview], size: list[int]) -> Iterator[bytes | memoryview]:
    for piece in pieces:
        size[0] += len(piece)
        yield piece
