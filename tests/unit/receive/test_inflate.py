"""Inflating piece by piece gives the whole; what is no stream, or no honest one, is refused."""

from __future__ import annotations

import gzip
import zlib

import pytest

from dicomnode.errors import NotUnderstood
from dicomnode.receive import inflate
from dicomnode.receive.inflate import Inflation

CONTENT = bytes(range(256)) * 500


def deflated(content: bytes = CONTENT) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def inflated(stream: bytes, size: int) -> bytes:
    inflation = Inflation()
    made = b"".join(out for at in range(0, len(stream), size) for out in inflation.feed(stream[at : at + size]))
    inflation.finish()
    return made


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("after", [b"", b"\0"])
def test_pieces_inflate_to_the_whole(size: int, after: bytes) -> None:
    assert inflated(deflated() + after, size) == CONTENT


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_a_true_gzip_trailer_is_tolerated_in_any_pieces(size: int) -> None:
    assert inflated(gzip.compress(CONTENT)[10:], size) == CONTENT
    with pytest.raises(NotUnderstood, match="bytes after"):
        inflated(gzip.compress(CONTENT)[10:-8] + gzip.compress(b"other")[-8:], size)


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_bytes_behind_the_stream_are_refused_and_not_gathered(size: int) -> None:
    with pytest.raises(NotUnderstood, match="bytes after"):
        inflated(deflated() + bytes(100), size)


def test_a_stream_that_is_cut_none_or_empty_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="cut short"):
        inflated(deflated()[:-1], 100)
    with pytest.raises(NotUnderstood, match="not a deflated stream"):
        inflated(b"\xff" * 20, 100)
    with pytest.raises(NotUnderstood, match="empty"):
        inflated(b"", 100)


def test_what_one_piece_gives_comes_in_steps_of_bounded_size() -> None:
    steps = list(Inflation().feed(deflated(bytes(5 << 20))))
    assert (sum(map(len, steps)), max(map(len, steps))) == (5 << 20, 1 << 20)


def test_growth_beyond_reason_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflate, "DEFLATE_FREE", 1 << 20)
    bomb = deflated(bytes(4 << 20))
    assert len(bomb) * inflate.DEFLATE_RATIO < 4 << 20
    with pytest.raises(NotUnderstood, match="beyond reason"):
        inflated(bomb, len(bomb))
