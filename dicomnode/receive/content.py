"""The digest by which the content of an instance is known: how it is taken, and whether bytes are those it names.

It is the first 30 bytes of BLAKE3 (J. O'Connor and others, "BLAKE3: one function, fast everywhere", 2020; any beginning
of its output is a digest) in hexadecimal behind a mark: 63 characters. Earlier releases took SHA-256, which costs some
four times as much and stands without a mark; results still have it.
"""

from __future__ import annotations

import hashlib

from blake3 import blake3

from dicomnode.domain.identity import Digest

_MARK = "b3-"
_LENGTH = 30
"""Bytes: what fits beside the mark into the 64 characters that the index has for a SHA-256."""


class ContentDigest:
    """Takes the digest of bytes that pass by in pieces: equal for the same bytes however they are cut."""

    def __init__(self) -> None:
        self._hash = blake3()

    def feed(self, piece: bytes | memoryview) -> None:
        """The next bytes."""
        self._hash.update(piece)

    @property
    def digest(self) -> Digest:
        """Of all bytes so far."""
        return Digest(_MARK + self._hash.hexdigest(_LENGTH))


def digest_of_earlier_releases(content: bytes | memoryview) -> Digest:
    """SHA-256 of some bytes, by which earlier releases knew the content of an instance."""
    return Digest(hashlib.sha256(content).hexdigest())


def is_content_of(digest: Digest, content: bytes | memoryview) -> bool:
    """Whether a digest of either form was taken of these bytes."""
    if not digest.startswith(_MARK):
        return digest_of_earlier_releases(content) == digest
    taken = ContentDigest()
    taken.feed(content)
    return taken.digest == digest
