"""The content digest: one for the same bytes, told apart from the form of earlier releases."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.domain.identity import Digest
from dicomnode.receive.content import ContentDigest, digest_of_earlier_releases, is_content_of


def digest_of(*pieces: bytes | memoryview) -> Digest:
    taken = ContentDigest()
    for piece in pieces:
        taken.feed(piece)
    return taken.digest


def test_it_is_the_beginning_of_the_published_digest_behind_its_mark() -> None:
    # Of no bytes at all: the first of the official test vectors of BLAKE3.
    assert digest_of() == "b3-af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f"
    assert len(digest_of(bytes(5000))) == 63


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=5))
def test_it_is_the_same_however_the_bytes_are_cut(content: bytes, cuts: list[int]) -> None:
    ends = [*sorted(cuts), len(content)]
    pieces = [memoryview(content)[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert digest_of(*pieces) == digest_of(content)


def test_that_of_earlier_releases_is_a_sha256_without_a_mark() -> None:
    assert digest_of_earlier_releases(memoryview(b"content")) == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize("taken", [digest_of, digest_of_earlier_releases])
def test_either_form_knows_its_bytes_and_no_others(taken: type[Digest]) -> None:
    digest = taken(b"content")
    assert is_content_of(digest, memoryview(b"content"))
    assert not is_content_of(digest, b"Content")
