"""Identifiers: digests that nothing else shares, and a UID that is one."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from dicomnode.domain.identity import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    digest_of,
    digest_of_bytes,
)

texts = st.lists(st.text(), max_size=5)


@given(texts, texts)
def test_two_sequences_share_a_digest_only_when_they_are_equal(one: list[str], other: list[str]) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)


@given(st.lists(st.text(min_size=1), min_size=2, max_size=4))
def test_where_a_text_ends_matters(parts: list[str]) -> None:
    assert digest_of(parts) != digest_of(["".join(parts)])


def test_digests_do_not_change_between_releases() -> None:
    # Result UIDs derive from these: other values would make every PACS hold every result twice.
    assert digest_of(["ab", "c"]) == "601d5476e2ccfe2c87a2bba7a322659734a05749d5b5aa781f513e4912db0d5f"
    assert digest_of([]) == hashlib.sha256(b"").hexdigest()
    assert digest_of(["ä"]) == hashlib.sha256(b"\0\0\0\0\0\0\0\x02\xc3\xa4").hexdigest()


@given(st.binary())
def test_a_digest_of_bytes_is_their_sha256(content: bytes) -> None:
    assert digest_of_bytes(content) == hashlib.sha256(content).hexdigest()


def test_the_implementation_names_itself_as_the_standard_allows() -> None:
    assert UID(IMPLEMENTATION_CLASS_UID).is_valid
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16
