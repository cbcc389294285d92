"""Numbered shelves: no two writers on one, none forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicomnode.store import shelves
from dicomnode.store.shelves import Shelves, is_key


def test_keys_are_numbers_on_a_shelf(tmp_path: Path) -> None:
    own = Shelves(tmp_path)
    assert [own.claim(), own.claim()] == ["00000001/00000000.dcm", "00000001/00000001.dcm"]
    assert all(map(is_key, (own.claim(), own.claim())))


def test_a_full_shelf_is_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "_FILES", 2)
    own = Shelves(tmp_path)
    assert [own.claim()[:8] for _ in range(5)] == ["00000001", "00000001", "00000002", "00000002", "00000003"]


def test_two_writers_never_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "_FILES", 3)
    writers = [Shelves(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda n: writers[n % 4].claim(), range(80)))
    assert len(set(keys)) == 80
    owners = {(key[:8], n % 4) for n, key in enumerate(keys)}
    assert len(owners) == len({shelf for shelf, _ in owners})


def test_after_a_restart_nothing_goes_to_a_shelf_of_before(tmp_path: Path) -> None:
    before = Shelves(tmp_path).claim()
    assert Shelves(tmp_path).claim()[:8] > before[:8]


def test_a_shelf_counts_as_unsettled_once_nobody_writes_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "_FILES", 2)
    own = Shelves(tmp_path)
    first, second = own.claim(), own.claim()
    own.leave(first)
    own.leave(own.claim())
    assert own.unsettled() == [], "one is being written to, the other is being filled"
    own.leave(second)
    assert own.unsettled() == [first[:8]]
    own.settle(first[:8])
    assert own.unsettled() == []
    assert Shelves(tmp_path).unsettled() == [], "somebody else fills it"
    own.close()
    assert Shelves(tmp_path).unsettled() == ["00000002"], "the one that was being filled when the process ended"


def test_a_folder_is_held_until_nobody_writes_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "_FILES", 1)
    own, other = Shelves(tmp_path), Shelves(tmp_path)
    keys = [own.claim() for _ in range(3)]
    assert other.unsettled() == []
    own.leave(keys[1])
    assert other.unsettled() == [keys[1][:8]]
    own.leave(keys[2])
    assert other.unsettled() == [keys[1][:8]], "the last is still being filled"
    own.leave(keys[0])
    assert other.unsettled() == [keys[0][:8], keys[1][:8]]
    del own
    assert other.unsettled() == [key[:8] for key in keys], "who is gone holds nothing"


def test_foreign_files_are_no_keys(tmp_path: Path) -> None:
    own = Shelves(tmp_path)
    key = own.claim()
    for name in (key, "00000001/settled", "00000001/x.dcm", "notes"):
        (tmp_path / name).touch()
    assert (own.names(), list(own.keys("00000001"))) == (["00000001"], [key])
