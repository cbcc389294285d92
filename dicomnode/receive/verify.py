"""Do store and index still agree, byte for byte? Looks at everything, changes nothing, may run beside a node."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from dicomnode.domain.instance import StoredObject
from dicomnode.errors import ReceiveError
from dicomnode.receive.content import is_content_of
from dicomnode.receive.mapped import mapped
from dicomnode.receive.part10 import split
from dicomnode.store.filesystem import FileStore

_ON_ITS_WAY_S = 600.0


class Fault(StrEnum):
    """How an object and its row disagree."""

    LOST = "lost: a row without a file"
    DAMAGED = "damaged: the bytes are not those that were acknowledged"
    STRAY = "stray: a file without a row, which the next start will settle"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One object that is not as it should be."""

    key: str
    fault: Fault


class Rows(Protocol):
    """What verifying needs of the index."""

    def shelves(self) -> list[str]:
        """Every shelf on which a row has an object."""

    def received(self, shelf: str) -> Mapping[str, StoredObject]:
        """Instances by key."""

    def made(self, shelf: str) -> Mapping[str, StoredObject]:
        """Results by key."""


def shelves(store: FileStore, rows: Rows) -> list[str]:
    """All there is to verify, oldest first."""
    return sorted({*store.shelves.names(), *rows.shelves()})


def verify(store: FileStore, rows: Rows, shelf: str, *, digests: bool = True) -> Iterator[Disagreement]:
    """Compare one shelf with the index.

    A file of the last ten minutes without a row is an instance on its way in, not a fault.

    Parameters
    ----------
    digests : bool
        Read every byte; else compare sizes only.
    """
    files = set(store.keys(shelf)) if shelf in store.shelves.names() else set()
    received, made = rows.received(shelf), rows.made(shelf)
    for key, stored in sorted({**received, **made}.items()):
        if key not in files:
            yield Disagreement(key, Fault.LOST)
        elif not _intact(store.path(key), stored, whole=key in made, digests=digests):
            yield Disagreement(key, Fault.DAMAGED)
    for key in sorted(files - {*received, *made}):
        if time.time() - store.path(key).stat().st_mtime > _ON_ITS_WAY_S:
            yield Disagreement(key, Fault.STRAY)


def _intact(path: Path, stored: StoredObject, *, whole: bool, digests: bool) -> bool:
    if path.stat().st_size != stored.size:
        return False
    if not digests:
        return True
    file = mapped(path)
    if not whole:
        try:
            _, file = split(file)
        except ReceiveError:
            return False
    return is_content_of(stored.digest, file)
