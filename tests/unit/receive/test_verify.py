"""Every way in which store and index can disagree is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dicomnode.domain.identity import digest_of_bytes
from dicomnode.domain.instance import StoredObject
from dicomnode.receive.admit import Admission
from dicomnode.receive.verify import Disagreement, Fault, shelves, verify
from dicomnode.store.filesystem import FileStore
from tests.unit.receive.conftest import NOON, FakeIndex, as_of_an_earlier_release
from tests.unit.receive.test_admit import request as an_instance


@dataclass
class Rows:
    """One instance and one result, as the index holds them."""

    instances: dict[str, StoredObject] = field(default_factory=dict)
    results: dict[str, StoredObject] = field(default_factory=dict)

    def shelves(self) -> list[str]:
        return sorted({key[:8] for key in (*self.instances, *self.results)})

    def received(self, shelf: str) -> dict[str, StoredObject]:
        return {key: stored for key, stored in self.instances.items() if key.startswith(shelf)}

    def made(self, shelf: str) -> dict[str, StoredObject]:
        return {key: stored for key, stored in self.results.items() if key.startswith(shelf)}


@pytest.fixture(params=["this release", "an earlier release"])
def rows(store: FileStore, index: FakeIndex, quarantine: FileStore, request: pytest.FixtureRequest) -> Rows:
    Admission(store, index, quarantine, lambda: NOON).admit(an_instance())
    if request.param == "an earlier release":
        as_of_an_earlier_release(index, store)
    received = index.instances["1.2.3.4"].stored
    key, size = store.put([b"a result"])
    made = StoredObject(key=key, size=size, digest=digest_of_bytes(b"a result"))
    return Rows({received.key: received}, {key: made})


def found(store: FileStore, rows: Rows, *, digests: bool = True) -> list[Disagreement]:
    return [one for shelf in shelves(store, rows) for one in verify(store, rows, shelf, digests=digests)]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _blank(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def test_what_agrees_is_not_mentioned(store: FileStore, rows: Rows) -> None:
    assert found(store, rows) == []


@pytest.mark.parametrize("harm", [_flip, _cut, _blank])
def test_a_changed_byte_is_damage(store: FileStore, rows: Rows, harm: Callable[[Path], None]) -> None:
    keys = sorted([*rows.instances, *rows.results])
    for key in keys:
        harm(store.path(key))
    assert found(store, rows) == [Disagreement(key, Fault.DAMAGED) for key in keys]
    assert bool(found(store, rows, digests=False)) == (harm is _cut), "the quick form compares sizes"


def test_a_row_without_a_file_is_lost_even_without_its_shelf(store: FileStore, rows: Rows) -> None:
    (key,) = rows.instances
    store.remove(key)
    gone = StoredObject(key="0000ffff/00000000.dcm", size=1, digest=digest_of_bytes(b"x"))
    rows.results[gone.key] = gone
    assert found(store, rows) == [Disagreement(key, Fault.LOST), Disagreement(gone.key, Fault.LOST)]


def test_an_old_file_without_a_row_is_stray_a_new_one_on_its_way(store: FileStore, rows: Rows) -> None:
    key, _ = store.put([b"x"])
    assert found(store, rows) == []
    os.utime(store.path(key), (0, 0))
    assert found(store, rows) == [Disagreement(key, Fault.STRAY)]
