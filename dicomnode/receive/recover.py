"""Make store and index agree again at start-up, before anything is received.

A file without a row was on its way in, or its row was in doubt, when the node stopped. Its sender has no answer, so
it may be recorded now, and it must be where the commit did take place unseen. Never run `recover` beside a receiver:
it would judge files that are only milliseconds from their row.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Instance, Received, Recorded, StoredObject
from dicomnode.errors import OutOfResources, ReceiveError
from dicomnode.receive.admit import Intake, Quarantine, record
from dicomnode.receive.mapped import mapped
from dicomnode.receive.part10 import FileMeta, split
from dicomnode.receive.proof import Proof
from dicomnode.store.filesystem import FileStore

logger = logging.getLogger(__name__)


class Found(StrEnum):
    """What became of a file without a row."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    """Its instance was there already; removed."""
    QUARANTINED = "quarantined"
    """Torn, or refused as it would have been on arrival; moved."""
    UNFINISHED = "unfinished"
    """A result whose row was never committed; removed, because its task makes the same bytes again."""
    UNDECIDED = "undecided"
    """The index did not take it; left where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How store and index stood to each other."""

    found: Counter[Found]
    missing: tuple[str, ...]
    """Keys with a row but without a file: bytes that were lost after they were acknowledged."""


def recover(store: FileStore, index: Intake, quarantine: FileStore, clock: Callable[[], datetime]) -> Recovery:
    """Record, move or remove every file without a row, and name every row without a file, on shelves not yet settled.

    Raises
    ------
    StoreError
        When a file can be neither read, moved nor removed.
    OutOfResources
        When the index cannot even say what it holds.
    """
    aside = Quarantine(quarantine, index)
    found, missing = Counter[Found](), list[str]()
    for shelf in store.shelves.unsettled():
        on_disk, known = set(store.keys(shelf)), index.keys(shelf)
        here = Counter(_settle(key, store, index, aside, clock()) for key in sorted(on_disk - known))
        if not here[Found.UNDECIDED] and not known - on_disk:
            try:
                _mark(shelf, store, index)
            except OutOfResources as error:
                logger.warning("recovery: a shelf will be read again at the next start: %s", error)
        found += here
        missing += sorted(known - on_disk)
    for what, count in sorted(found.items()):
        logger.warning("recovery: %d files without a row: %s", count, what)
    if missing:
        logger.error("recovery: %d rows have lost their file", len(missing))
    return Recovery(found=found, missing=tuple(missing))


def settle(store: FileStore, index: Intake) -> None:
    """Mark the shelves that have been filled since and agree with the index: what the next start need not look at.

    This may run beside a receiver. A file whose row is still on its way leaves its shelf for the next time.

    Raises
    ------
    StoreError, OutOfResources
        When it cannot be done now.
    """
    for shelf in store.shelves.unsettled():
        if set(store.keys(shelf)) <= index.keys(shelf):
            _mark(shelf, store, index)


def _mark(shelf: str, store: FileStore, index: Intake) -> None:
    index.flush()
    store.settle(shelf)


def _settle(key: str, store: FileStore, index: Intake, aside: Quarantine, now: datetime) -> Found:
    file, received = mapped(store.path(key)), _NOTHING_KNOWN
    try:
        meta, data_set = split(file)
        received = _as_received(meta, data_set)
        if not received.calling_aet:
            store.remove(key)
            return Found.UNFINISHED
        proof = Proof(received)
        proof.feed(data_set)
        instance = Instance(
            header=proof.finish(),
            stored=StoredObject(key=key, size=len(file), digest=proof.digest),
            calling_aet=received.calling_aet,
        )
        recorded = record(instance, store, index, now)
    except OutOfResources:
        return Found.UNDECIDED
    except ReceiveError as refusal:
        aside.keep_file(file, refusal, received, now)
        store.remove(key)
        return Found.QUARANTINED
    if recorded is Recorded.STORED:
        return Found.RECORDED
    store.remove(key)
    return Found.DUPLICATE


_NOTHING_KNOWN = Received(
    sop_class_uid="",
    sop_instance_uid="",
    abstract_syntax="",
    transfer_syntax_uid="",
    data_set=(),
    calling_aet=AETitle(""),
)


def _as_received(meta: FileMeta, data_set: memoryview) -> Received:
    """The C-STORE request a file came from."""
    return Received(
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        abstract_syntax=meta.sop_class_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        data_set=(data_set,),
        calling_aet=meta.calling_aet,
    )
