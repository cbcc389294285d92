"""PDUs on the wire (PS3.8 9.3): judged by their six-byte header, before the body is read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from time import monotonic
from typing import Final, NamedTuple

from dicomnode.dimse.transport.wire import Interrupted, Stream

RELEASE_RQ: Final = struct.pack(">BBLL", 5, 0, 4, 0)
RELEASE_RP: Final = struct.pack(">BBLL", 6, 0, 4, 0)

_HEADER: Final = 6
_LENGTH: Final = struct.Struct(">L").unpack_from
_FIXED_LENGTH: Final = 4  # of A-RELEASE and A-ABORT
_SMALLEST_BUFFER: Final = 4096
_SPARE: Final = 1 << 16


class Kind(IntEnum):
    """The PDU types a peer may send us."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    P_DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


_KINDS: Final = {kind.value: kind for kind in Kind}


class Reason(IntEnum):
    """Of an A-ABORT by the service provider (PS3.8 table 9-26)."""

    UNSPECIFIED = 0
    UNKNOWN_PDU = 1
    UNEXPECTED_PDU = 2
    INVALID_PARAMETER = 6


class Violation(Interrupted):
    """The peer broke the protocol."""

    def __init__(self, text: str, reason: Reason = Reason.INVALID_PARAMETER) -> None:
        super().__init__(text)
        self.reason = reason


class Fragment(NamedTuple):
    """One presentation data value (PS3.8 9.3.5.1): where it lies in the inbox and what it is of."""

    context_id: int
    command: bool
    last: bool
    start: int
    end: int


def abort(reason: Reason) -> bytes:
    """A-ABORT by the service provider."""
    return struct.pack(">BBLBBBB", Kind.ABORT, 0, _FIXED_LENGTH, 0, 0, 2, reason)


class Inbox:
    """What came from one peer: PDUs to be looked at, and before them the data set that is being gathered.

    Both lie in one buffer, [0, gathered) and [at, end), so that the fragments of a data set only close up.
    """

    def __init__(self, stream: Stream, pdu_time: float) -> None:
        self._stream = stream
        self._pdu_time = pdu_time
        self._buffer = bytearray(_SMALLEST_BUFFER)
        self._view = memoryview(self._buffer)
        self._at = self._end = 0
        self.gathered = 0

    def next(
        self, allowed: tuple[Kind, ...], longest: int, begun_by: float, whole_by: float | None = None
    ) -> tuple[Kind, int, int]:
        """Type and place of the next PDU's body.

        Parameters
        ----------
        allowed : tuple of Kind
            What may come now.
        longest : int
            Bytes the body may have.
        begun_by, whole_by : float
            Deadlines of its header and of its last byte; by default a PDU's own time from its header on.

        Raises
        ------
        Violation
            When its header says that it may not come.
        Gone, Late
        """
        self._need(_HEADER, begun_by)
        number, length = self._buffer[self._at], _LENGTH(self._buffer, self._at + 2)[0]
        if number not in allowed:
            known = 1 <= number <= Kind.ABORT
            raise Violation("PDU type", Reason.UNEXPECTED_PDU if known else Reason.UNKNOWN_PDU)
        if length > longest or (number > Kind.P_DATA and length != _FIXED_LENGTH):
            raise Violation("PDU length")
        if self._end - self._at < _HEADER + length:
            self._need(_HEADER + length, whole_by or monotonic() + self._pdu_time)
        start = self._at + _HEADER
        self._at = start + length
        return _KINDS[number], start, self._at

    def content(self, start: int, end: int) -> bytes:
        """A copy of some bytes of the last PDU."""
        return bytes(self._view[start:end])

    def fragments(self, start: int, end: int) -> Iterator[Fragment]:
        """The presentation data values of a P-DATA-TF.

        Raises
        ------
        Violation
            When their lengths do not add up.
        """
        if start == end:
            raise Violation("P-DATA-TF without a value")
        at = start
        while at < end:
            if end - at < _HEADER:
                raise Violation("presentation data value cut short")
            stop = at + 4 + _LENGTH(self._buffer, at)[0]
            if not at + _HEADER <= stop <= end:
                raise Violation("presentation data value length")
            context_id, control = self._buffer[at + 4], self._buffer[at + 5]
            yield Fragment(context_id, bool(control & 1), bool(control & 2), at + _HEADER, stop)
            at = stop

    def gather(self, start: int, end: int) -> None:
        """Append a fragment to the data set."""
        gathered = self.gathered + end - start
        if start != self.gathered:
            self._view[self.gathered : gathered] = self._view[start:end]
        self.gathered = gathered

    def piece(self) -> memoryview:
        """What has been gathered, lent until the inbox is asked for more."""
        gathered, self.gathered = self.gathered, 0
        return self._view[:gathered]

    def _need(self, count: int, deadline: float) -> None:
        """Have at least `count` bytes that were not looked at."""
        have = self._end - self._at
        if have >= count:
            return
        if not have:
            self._at = self._end = self.gathered
        elif self._at + count > len(self._buffer):
            self._view[self.gathered : self.gathered + have] = self._view[self._at : self._end]
            self._at, self._end = self.gathered, self.gathered + have
        if self._at + count > len(self._buffer):
            self._grow(self._at + count)
        self._end += self._stream.receive(self._view[self._end :], count - have, deadline)

    def _grow(self, size: int) -> None:
        buffer = bytearray(max(size + _SPARE, 2 * len(self._buffer)))
        buffer[: self._end] = self._view[: self._end]
        self._buffer, self._view = buffer, memoryview(buffer)
