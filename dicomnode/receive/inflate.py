"""Inflate a deflated data set piece by piece, never beyond reason (PS3.5 annex A.5)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from dicomnode.errors import NotUnderstood

DEFLATE_FREE, DEFLATE_RATIO = 64 << 20, 32
"""A deflated data set may grow to the first figure in bytes, above that only to this multiple of what came."""

_STEP = 1 << 20
_LONGEST_END = 9  # a gzip trailer and one byte of padding


class Inflation:
    """A bare RFC 1951 stream, padded to even length with one zero byte."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)
        self._came = self._made = self._checksum = 0
        self._after = b""

    def feed(self, piece: bytes | memoryview) -> Iterator[bytes]:
        """What the next bytes inflate to, in steps of bounded size.

        Raises
        ------
        NotUnderstood
            When they are no deflated stream, or one that grows beyond reason.
        """
        self._came += len(piece)
        if self._stream.eof:
            self._leave(bytes(piece))
            return
        pending = bytes(piece)
        while not self._stream.eof:
            try:
                inflated = self._stream.decompress(pending, _STEP)
            except zlib.error as error:
                raise NotUnderstood("not a deflated stream") from error
            pending = self._stream.unconsumed_tail
            if not inflated and not pending:
                break
            self._made += len(inflated)
            if self._made >= max(DEFLATE_FREE, DEFLATE_RATIO * self._came):
                raise NotUnderstood("the deflated data set grows beyond reason")
            self._checksum = zlib.crc32(inflated, self._checksum)
            yield inflated
        self._leave(self._stream.unused_data)

    def finish(self) -> None:
        """There are no more bytes.

        Raises
        ------
        NotUnderstood
            When the stream is not over, or bytes stand behind it.
        """
        if not self._came:
            raise NotUnderstood("the data set is empty")
        if not self._stream.eof:
            raise NotUnderstood("the deflated stream is cut short")
        # Writers that took gzip for deflate leave its trailer (RFC 1952 2.3.1) behind; it may stay where it is true.
        gzip_trailer = struct.pack("<LL", self._checksum, self._made & 0xFFFFFFFF)
        if self._after.removeprefix(gzip_trailer) not in (b"", b"\0"):
            raise NotUnderstood("bytes after the deflated stream")

    def _leave(self, rest: bytes) -> None:
        self._after += rest
        if len(self._after) > _LONGEST_END:
            raise NotUnderstood("bytes after the deflated stream")
