"""Promise 1: whatever admit returns for is on disk and in the index; whatever it refuses is not."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import (
    DuplicateInstance,
    InDoubt,
    NotThisClass,
    NotUnderstood,
    OtherPatient,
    OutOfResources,
    ReceiveError,
)
from dicomnode.receive import admit
from dicomnode.receive.admit import Admission
from dicomnode.receive.part10 import split
from dicomnode.settings import LimitsSettings
from dicomnode.store.filesystem import Draft, FileStore
from tests.datasets import CT_IMAGE, EXPLICIT_LITTLE, MR_IMAGE, mr
from tests.unit.receive.conftest import NOON, FakeIndex, as_of_an_earlier_release
from tests.unit.receive.test_content import digest_of


def request(instance: str = "1.2.3.4", data_set: bytes | None = None, **changes: Any) -> Received:
    return replace(
        Received(
            sop_class_uid=MR_IMAGE,
            sop_instance_uid=instance,
            abstract_syntax=MR_IMAGE,
            transfer_syntax_uid=EXPLICIT_LITTLE,
            data_set=(mr(instance) if data_set is None else data_set,),
            calling_aet=AETitle("SENDER"),
        ),
        **changes,
    )


@pytest.fixture
def admission(store: FileStore, index: FakeIndex, quarantine: FileStore) -> Admission:
    return Admission(store, index, quarantine, lambda: NOON)


def test_what_is_admitted_is_stored_as_received_and_recorded(
    admission: Admission, store: FileStore, index: FakeIndex
) -> None:
    assert admission.admit(request()) == "1.2.3.1"
    instance = index.instances["1.2.3.4"]
    meta, data_set = split(store.path(instance.stored.key).read_bytes())
    assert data_set == mr()
    assert (meta.sop_class_uid, meta.sop_instance_uid) == (MR_IMAGE, "1.2.3.4")
    assert (meta.transfer_syntax_uid, meta.calling_aet) == (EXPLICIT_LITTLE, "SENDER")
    assert instance.stored.digest == digest_of(mr())
    assert instance.stored.size == store.path(instance.stored.key).stat().st_size
    assert (instance.header.patient.patient_id, instance.calling_aet) == ("P1", "SENDER")


def test_the_bytes_are_safe_before_the_row_is_written(
    admission: Admission, store: FileStore, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    keep, record = Draft.keep, index.record
    monkeypatch.setattr(Draft, "keep", lambda draft: (keep(draft), order.append("keep"))[0])
    monkeypatch.setattr(index, "record", lambda *arguments: (order.append("record"), record(*arguments))[1])
    admission.admit(request())
    assert order == ["keep", "record"]


def test_the_same_bytes_again_are_a_success_and_one_file(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    admission.admit(request())
    assert admission.admit(request()) == "1.2.3.1"
    assert list(store.keys()) == [index.instances["1.2.3.4"].stored.key]
    assert list(quarantine.keys()) == []


def test_the_same_bytes_as_in_a_row_of_an_earlier_release_are_a_success_and_one_file(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    admission.admit(request())
    first = as_of_an_earlier_release(index, store)
    assert admission.admit(request()) == "1.2.3.1"
    assert index.instances["1.2.3.4"].stored == first
    assert list(store.keys()) == [first.key]
    assert list(quarantine.keys()) == []


def test_other_bytes_than_in_a_row_of_an_earlier_release_are_put_aside(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    admission.admit(request())
    first = as_of_an_earlier_release(index, store)
    other = mr(pixels=b"\1" * 8)
    with pytest.raises(DuplicateInstance, match="exists with other content"):
        admission.admit(request(data_set=other))
    assert index.instances["1.2.3.4"].stored == first
    assert list(store.keys()) == [first.key]
    (key,) = quarantine.keys()
    assert split(quarantine.path(key).read_bytes())[1] == other
    assert index.refusals[key][1] == 0x0111


def test_a_repetition_that_cannot_be_read_back_may_come_again(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Path) -> memoryview:
        raise OSError(errno.EMFILE, "Too many open files")

    admission.admit(request())
    first = as_of_an_earlier_release(index, store)
    monkeypatch.setattr(admit, "mapped", busy)
    with pytest.raises(OutOfResources, match="cannot be read back"):
        admission.admit(request())
    assert [*store.keys(), *quarantine.keys()] == [first.key]


@pytest.mark.parametrize(
    ("refused", "status"),
    [
        (request(data_set=mr()[:-1]), 0xC000),
        (request(data_set=mr("1.2.3.5")), 0xA900),
        (request(data_set=mr(study="..")), 0xC010),
        (request(data_set=mr(series="")), 0xC010),
        (request(data_set=mr(patient="P2")), 0x0111),
        (request("1.2.3.5", mr("1.2.3.5", patient="P2")), 0xC020),
        (request(sop_instance_uid="../../etc/passwd"), 0x0117),
    ],
)
def test_what_is_refused_leaves_the_store_and_waits_in_quarantine(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore, refused: Received, status: int
) -> None:
    admission.admit(request())
    with pytest.raises(ReceiveError) as refusal:
        admission.admit(refused)
    assert refusal.value.status == status
    assert list(store.keys()) == [index.instances["1.2.3.4"].stored.key]
    (key,) = quarantine.keys()
    size, said, reason, sender, instance = index.refusals[key]
    assert (said, reason, sender, instance) == (status, str(refusal.value), "SENDER", refused.sop_instance_uid)
    file = quarantine.path(key).read_bytes()
    assert (split(file)[1],) == refused.data_set
    assert size == len(file)


def test_a_request_outside_its_context_is_not_kept(admission: Admission, quarantine: FileStore) -> None:
    with pytest.raises(NotThisClass):
        admission.admit(request(abstract_syntax=CT_IMAGE))
    assert list(quarantine.keys()) == []


def test_a_full_disk_is_out_of_resources_and_nothing_is_kept(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutOfResources, match="no space left"):
        admission.admit(request())
    assert (index.instances, index.refusals) == ({}, {})
    assert [*store.keys(), *quarantine.keys()] == []


@pytest.mark.parametrize("refusal", [OtherPatient("other"), DuplicateInstance("other content"), OutOfResources("away")])
def test_what_the_index_refuses_is_removed(
    admission: Admission, store: FileStore, index: FakeIndex, refusal: ReceiveError
) -> None:
    index.failure = refusal
    with pytest.raises(type(refusal)):
        admission.admit(request())
    assert list(store.keys()) == []


def test_a_file_whose_row_is_in_doubt_stays_until_recovery(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    index.failure = InDoubt("the index does not take instances now")
    with pytest.raises(OutOfResources):
        admission.admit(request())
    (key,) = store.keys()
    assert split(store.path(key).read_bytes())[1] == mr()
    assert list(quarantine.keys()) == []


def test_a_full_quarantine_keeps_no_more_and_says_so(
    store: FileStore, index: FakeIndex, quarantine: FileStore, caplog: pytest.LogCaptureFixture
) -> None:
    room = len(mr()) + 600  # for a file and its head, and not for two
    admission = Admission(store, index, quarantine, lambda: NOON, LimitsSettings(quarantine_bytes=room))
    for _ in range(3):
        with pytest.raises(ReceiveError):
            admission.admit(request(data_set=mr("1.2.3.5")))
    assert len(index.refusals) == len(list(quarantine.keys())) == 1
    assert list(store.keys()) == []
    assert caplog.text.count("the quarantine is full") == 2


@pytest.mark.parametrize("failure", [OutOfResources("index is down"), ValueError("a fault nobody foresaw")])
def test_a_failing_quarantine_does_not_change_the_answer(
    admission: Admission, index: FakeIndex, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    index.quarantine_failure = failure
    with caplog.at_level(logging.ERROR), pytest.raises(NotUnderstood):
        admission.admit(request(data_set=b"nonsense"))
    assert f"refused bytes could not be quarantined: {type(failure).__name__}" in caplog.text


def test_a_duplicate_that_cannot_be_removed_is_still_a_success(
    admission: Admission, store: FileStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stuck(_: Path, missing_ok: bool) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    admission.admit(request())
    monkeypatch.setattr(Path, "unlink", stuck)
    assert admission.admit(request()) == "1.2.3.1"
    assert "stays behind until recovery" in caplog.text


def test_a_release_carries_its_series_and_the_time(admission: Admission, index: FakeIndex) -> None:
    series = frozenset({SeriesInstanceUID("1.2.3.1")})
    admission.released(AETitle("SENDER"), series)
    assert index.releases == [("SENDER", series, NOON)]


def in_pieces(data_set: bytes, size: int) -> Iterator[memoryview]:
    """A data set as a transport lends it: the same buffer again and again."""
    buffer = bytearray(size)
    for at in range(0, len(data_set), size):
        part = data_set[at : at + size]
        buffer[: len(part)] = part
        yield memoryview(buffer)[: len(part)]


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_pieces_are_admitted_as_the_whole_is(
    admission: Admission, store: FileStore, index: FakeIndex, size: int
) -> None:
    assert admission.admit(replace(request(), data_set=in_pieces(mr(), size))) == "1.2.3.1"
    instance = index.instances["1.2.3.4"]
    assert split(store.path(instance.stored.key).read_bytes())[1] == mr()
    assert instance.stored.digest == digest_of(mr())
    assert instance.header.facts["Modality"] == "MR"


def test_a_sender_that_goes_in_the_middle_leaves_nothing(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    def breaking() -> Iterator[bytes]:
        yield mr()[:50]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        admission.admit(replace(request(), data_set=breaking()))
    assert [*store.keys(), *quarantine.keys(), *index.instances] == []


def limited(store: FileStore, index: FakeIndex, quarantine: FileStore, **limits: int) -> Admission:
    return Admission(store, index, quarantine, lambda: NOON, LimitsSettings(**limits))


def test_below_the_first_mark_only_known_studies_are_taken(
    admission: Admission, store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    admission.admit(request())
    nearly_full = limited(store, index, quarantine, free_for_new_studies=1 << 60)
    assert nearly_full.admit(request("1.2.3.5")) == "1.2.3.1"
    with pytest.raises(OutOfResources, match="no room left for new studies"):
        nearly_full.admit(request("1.2.4.5", mr("1.2.4.5", study="1.2.4", series="1.2.4.1")))
    assert (len(list(store.keys())), list(quarantine.keys())) == (2, [])


def test_below_the_second_mark_nothing_is_taken(store: FileStore, index: FakeIndex, quarantine: FileStore) -> None:
    with pytest.raises(OutOfResources, match="no room left for instances"):
        limited(store, index, quarantine, free_for_any=1 << 60).admit(request())
    assert list(store.keys()) == []


def test_an_object_beyond_the_limit_is_refused_before_it_is_read_to_its_end(
    store: FileStore, index: FakeIndex, quarantine: FileStore
) -> None:
    pieces = in_pieces(mr(pixels=bytes(10_000)), 1000)
    with pytest.raises(OutOfResources, match="larger than this node takes"):
        limited(store, index, quarantine, object_bytes=2000).admit(replace(request(), data_set=pieces))
    assert next(pieces, None) is not None
    assert [*store.keys(), *quarantine.keys()] == []
