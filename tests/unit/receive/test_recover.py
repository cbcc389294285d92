"""What start-up makes of files without a row and rows without a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from dicomnode.domain.identity import AETitle
from dicomnode.errors import OutOfResources
from dicomnode.receive.admit import Admission
from dicomnode.receive.part10 import FileMeta, head
from dicomnode.receive.recover import Found, Recovery, recover, settle
from dicomnode.store import shelves
from dicomnode.store.filesystem import FileStore
from tests.datasets import EXPLICIT_LITTLE, MR_IMAGE, mr
from tests.unit.receive.conftest import NOON, FakeIndex, as_of_an_earlier_release
from tests.unit.receive.test_admit import request


def arrived(data_set: bytes, sender: str = "SENDER") -> tuple[bytes, bytes]:
    meta = FileMeta(
        sop_class_uid=MR_IMAGE,
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=EXPLICIT_LITTLE,
        calling_aet=AETitle(sender),
    )
    return head(meta), data_set


def recovered(store: FileStore, index: FakeIndex, quarantine: FileStore) -> Recovery:
    """What the next start finds: a store object of its own."""
    store.shelves.close()
    return recover(FileStore(store.shelves.root), index, quarantine, lambda: NOON)


def test_a_store_that_agrees_is_left_alone(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    before = list(store.keys())
    assert recovered(store, index, quarantine) == Recovery(found=Counter(), missing=())
    assert list(store.keys()) == before


def test_a_whole_file_without_a_row_is_recorded(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    key, size = store.put(arrived(mr()))
    assert recovered(store, index, quarantine).found == {Found.RECORDED: 1}
    instance = index.instances["1.2.3.4"]
    assert (instance.stored.key, instance.stored.size, instance.calling_aet) == (key, size, "SENDER")
    assert recovered(store, index, quarantine).found == {}


def test_recovery_and_admission_agree_on_the_digest(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    store.put(arrived(mr()))
    recovered(store, index, quarantine)
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    assert len(list(store.keys())) == 1


def left_alone(index: FakeIndex, store: FileStore) -> None:
    """The row as this release wrote it."""


Row = Callable[[FakeIndex, FileStore], object]


@pytest.mark.parametrize("row", [left_alone, as_of_an_earlier_release])
def test_a_second_copy_is_removed(store: FileStore, index: FakeIndex, quarantine: FileStore, row: Row) -> None:
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    row(index, store)
    (first,) = store.keys()
    store.put(arrived(mr()))
    assert recovered(store, index, quarantine).found == {Found.DUPLICATE: 1}
    assert set(store.keys()) == index.keys() == {first}


@pytest.mark.parametrize(
    "file",
    [
        (b"",),
        arrived(b""),
        arrived(mr()[:-1]),
        (arrived(mr())[0][:200],),
        (bytes(5000),),
        arrived(mr("1.2.3.5")),
    ],
)
def test_a_torn_file_is_moved_to_quarantine(
    store: FileStore, index: FakeIndex, quarantine: FileStore, file: tuple[bytes, ...]
) -> None:
    store.put(file)
    assert recovered(store, index, quarantine).found == {Found.QUARANTINED: 1}
    assert (list(store.keys()), index.instances) == ([], {})
    (key,) = quarantine.keys()
    assert quarantine.path(key).read_bytes() == b"".join(file)
    assert index.refusals[key][1] in (0xC000, 0xA900)


@pytest.mark.parametrize("row", [left_alone, as_of_an_earlier_release])
def test_a_file_the_index_refuses_is_moved_to_quarantine(
    store: FileStore, index: FakeIndex, quarantine: FileStore, row: Row
) -> None:
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    row(index, store)
    store.put(arrived(mr(pixels=b"\1" * 8)))
    assert recovered(store, index, quarantine).found == {Found.QUARANTINED: 1}
    assert [entry[1:] for entry in index.refusals.values()] == [
        (0x0111, "SOP Instance UID exists with other content", "SENDER", "1.2.3.4")
    ]
    assert set(store.keys()) == index.keys()


def test_an_unfinished_result_is_removed(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    store.put(arrived(mr(), sender=""))
    assert recovered(store, index, quarantine).found == {Found.UNFINISHED: 1}
    assert (list(store.keys()), list(quarantine.keys()), index.instances) == ([], [], {})


def test_a_file_the_index_cannot_take_now_stays(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    key, _ = store.put(arrived(mr()))
    index.failure = OutOfResources("busy")
    assert recovered(store, index, quarantine).found == {Found.UNDECIDED: 1}
    assert list(store.keys()) == [key]
    index.failure = None
    assert recovered(store, index, quarantine).found == {Found.RECORDED: 1}, "its shelf was not settled"


def test_rows_that_lost_their_file_are_named(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    key = index.instances["1.2.3.4"].stored.key
    store.remove(key)
    assert recovered(store, index, quarantine).missing == (key,)
    assert recovered(store, index, quarantine).missing == (key,), "and again, until somebody has looked into it"


def test_what_agrees_is_flushed_and_never_read_again(
    store: FileStore, index: FakeIndex, quarantine: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    recovered(store, index, quarantine)
    assert index.flushes == 1
    again = FileStore(store.shelves.root)
    monkeypatch.setattr(again, "keys", lambda shelf: pytest.fail(f"{shelf} was read"))
    assert recover(again, index, quarantine, lambda: NOON) == Recovery(found=Counter(), missing=())


def test_rows_that_a_power_cut_could_take_keep_their_shelf_open(
    store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    index.flush_failure = OutOfResources("busy")
    assert recovered(store, index, quarantine) == Recovery(found=Counter(), missing=())
    assert FileStore(store.shelves.root).shelves.unsettled() == ["00000001"]


def test_a_running_node_settles_what_is_full_and_agrees(
    store: FileStore, index: FakeIndex, quarantine: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "_FILES", 1)
    Admission(store, index, quarantine, lambda: NOON).admit(request())
    on_its_way, _ = store.put(arrived(mr("1.2.3.5")))
    store.put(arrived(mr("1.2.3.6")))
    settle(store, index)
    store.shelves.close()
    assert FileStore(store.shelves.root).shelves.unsettled() == [on_its_way[:8], "00000003"]
