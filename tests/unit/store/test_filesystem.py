"""Durable objects on disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnode.errors import StoreError
from dicomnode.store.filesystem import FileStore

FIRST = "00000001/00000000.dcm"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "deep" / "objects")


def files(store: FileStore) -> list[Path]:
    return list(store.path(FIRST).parents[1].rglob("*.dcm"))


def test_parts_are_stored_one_after_the_other(store: FileStore) -> None:
    key, size = store.put([b"head", memoryview(b"body")])
    assert store.path(key).read_bytes() == b"headbody"
    assert size == 8
    assert list(store.keys()) == [key]


def test_two_objects_of_equal_content_have_two_keys(store: FileStore) -> None:
    first, second = store.put([b"same"])[0], store.put([b"same"])[0]
    assert first != second
    assert set(store.keys()) == {first, second}


def test_only_our_user_may_read(store: FileStore) -> None:
    path = store.path(store.put([b"x"])[0])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parents[1], path.parents[2]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("strict", [False, True])
def test_the_file_and_when_strict_its_folder_are_synced_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    store = FileStore(tmp_path / "objects", strict=strict)
    store.put([b"its shelf is synced when it is made"])
    synced: list[str] = []
    real = os.fsync

    def record(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    path = store.path(store.put([b"x"])[0])
    assert synced == [str(path), *([str(path.parent)] if strict else [])]


@pytest.mark.parametrize(
    ("number", "text"), [(errno.ENOSPC, "no space left"), (errno.EIO, "the object store failed: Input/output error")]
)
def test_a_failing_sync_leaves_nothing(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, number: int, text: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StoreError, match=text):
            store.put([b"x"])
    assert files(store) == []
    assert store.put([b"y"])[1] == 1


def test_a_source_that_breaks_leaves_nothing(store: FileStore) -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise KeyError("source")

    with pytest.raises(KeyError):
        store.put(broken())
    assert files(store) == []


def test_a_draft_that_is_not_kept_is_gone(store: FileStore) -> None:
    with store.create() as draft:
        draft.write(b"never kept")
    assert files(store) == []


def test_a_draft_can_be_looked_at_and_moved_to_another_store(store: FileStore, tmp_path: Path) -> None:
    other = FileStore(tmp_path / "other")
    with store.create() as draft:
        draft.write(b"he", b"ad")
        draft.write(b"body")
        draft.move(other)
    assert files(store) == []
    assert (list(other.keys()), other.path(draft.key).read_bytes(), draft.size) == ([draft.key], b"headbody", 8)


def test_what_moves_gets_a_key_of_its_new_store(store: FileStore, tmp_path: Path) -> None:
    other = FileStore(tmp_path / "other")
    there, _ = other.put([b"there before"])
    with store.create() as draft:
        draft.write(b"moved")
        draft.move(other)
    assert {other.path(key).read_bytes() for key in (there, draft.key)} == {b"there before", b"moved"}


def test_a_draft_that_cannot_be_moved_is_in_neither_store(
    store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    other = FileStore(tmp_path / "other")
    for each in (store, other):
        each.remove(each.put([b"its shelf is made"])[0])
    monkeypatch.setattr(os, "fsync", fail)
    with store.create() as draft, pytest.raises(StoreError, match="Input/output error"):
        draft.move(other)
    assert [*files(store), *files(other)] == []


def test_objects_are_gone_for_good_only_when_their_folders_are_synced(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, synced, flush = [store.put([b"x"])[0] for _ in range(3)], set[str](), os.fsync

    def note(descriptor: int) -> None:
        synced.add(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        assert list(store.keys()) == [keys[2]]
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.remove_all([*keys[:2], "0000ffff/00000000.dcm"])
    assert synced == {FIRST[:8]}


def test_an_object_can_be_removed_twice(store: FileStore) -> None:
    key, _ = store.put([b"x"])
    store.remove(key)
    store.remove(key)
    assert files(store) == []


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "/etc/passwd", "00000001/x.dcm", f"{FIRST}\n"])
def test_foreign_keys_are_refused(store: FileStore, key: str) -> None:
    with pytest.raises(StoreError, match="not a key"):
        store.path(key)
    with pytest.raises(StoreError, match="not a key"):
        store.remove(key)


def test_foreign_files_are_no_keys(store: FileStore) -> None:
    key, _ = store.put([b"x"])
    store.path(key).with_name("notes.txt").write_text("not ours")
    assert list(store.keys()) == [key]


def test_a_store_is_found_again(tmp_path: Path) -> None:
    key, _ = FileStore(tmp_path / "objects").put([b"x"])
    again = FileStore(tmp_path / "objects")
    assert list(again.keys()) == [key]
    assert again.path(key).read_bytes() == b"x"


def test_a_folder_that_cannot_be_made_is_named_as_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be made"):
        FileStore(tmp_path / "file" / "objects")


def test_free_bytes_are_those_of_the_file_system(store: FileStore, tmp_path: Path) -> None:
    numbers = os.statvfs(tmp_path)
    assert 0 < store.free_bytes() <= numbers.f_blocks * numbers.f_frsize
