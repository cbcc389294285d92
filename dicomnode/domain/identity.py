"""Names for the identifiers that walk through the house."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NewType

AETitle = NewType("AETitle", str)
SOPInstanceUID = NewType("SOPInstanceUID", str)
SOPClassUID = NewType("SOPClassUID", str)
SeriesInstanceUID = NewType("SeriesInstanceUID", str)
StudyInstanceUID = NewType("StudyInstanceUID", str)
TransferSyntaxUID = NewType("TransferSyntaxUID", str)
Digest = NewType("Digest", str)
"""Lower-case hexadecimal SHA-256 or, of the content of an instance, the beginning of BLAKE3 behind the mark ``b3-``; at
most 64 characters."""

IMPLEMENTATION_CLASS_UID = "2.25.156093297384201731095417863307190455382"
"""Who wrote a file or opened an association (PS3.7 D.3.3.2). Never changes."""
IMPLEMENTATION_VERSION_NAME = "DICOMNODE"


def digest_of_bytes(content: bytes) -> Digest:
    """SHA-256 of some bytes."""
    return Digest(hashlib.sha256(content).hexdigest())


def digest_of(parts: Iterable[str]) -> Digest:
    """SHA-256 over a sequence of texts; no two different sequences share their encoding.

    Examples
    --------
    >>> digest_of(["ab", "c"]) == digest_of(["a", "bc"])
    False
    """
    sha = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        sha.update(len(raw).to_bytes(8, "big"))
        sha.update(raw)
    return Digest(sha.hexdigest())
