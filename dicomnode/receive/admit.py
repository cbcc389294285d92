"""May this instance be acknowledged? Prove it whole and honest, make it durable, commit it; only then return."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from dicomnode.domain.identity import AETitle, Digest, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import Instance, InstanceHeader, Received, Recorded, StoredObject
from dicomnode.errors import DuplicateInstance, InDoubt, OutOfResources, ReceiveError, StoreError
from dicomnode.receive.content import digest_of_earlier_releases
from dicomnode.receive.mapped import mapped
from dicomnode.receive.part10 import FileMeta, head, split
from dicomnode.receive.proof import Proof
from dicomnode.settings import LimitsSettings
from dicomnode.store.filesystem import Draft, FileStore

logger = logging.getLogger(__name__)


class Intake(Protocol):
    """What receiving needs of the index; every call is one committed transaction."""

    def record(self, instance: Instance, arrived: datetime) -> Recorded:
        """Commit one instance, or raise OtherPatient, DuplicateInstance or OutOfResources."""

    def quarantine(
        self,
        key: str,
        size: int,
        status: int,
        reason: str,
        calling_aet: AETitle,
        sop_instance_uid: str,
        arrived: datetime,
    ) -> None:
        """Commit that refused bytes are kept, and why."""

    def quarantined(self) -> int:
        """Bytes that are in quarantine."""

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID], at: datetime) -> None:
        """Note that a sender said it is done with these series."""

    def knows(self, study: StudyInstanceUID) -> bool:
        """Whether instances of the study were recorded before."""

    def keys(self, shelf: str) -> set[str]:
        """Store keys on this shelf that have a row."""

    def flush(self) -> None:
        """Return when all that was committed survives a power cut, or raise OutOfResources."""


class Quarantine:
    """Where refused bytes wait for a person, beside the reason."""

    def __init__(self, store: FileStore, index: Intake) -> None:
        self._store = store
        self._index = index

    def keep(self, draft: Draft, refusal: ReceiveError, refused: Received, arrived: datetime) -> None:
        """Move what was written of a refused instance here, as a file others can open.

        Raises
        ------
        StoreError, OutOfResources
            When it cannot be kept.
        """
        draft.move(self._store)
        self._note(draft.key, draft.size, refusal, refused, arrived)

    def keep_file(self, file: bytes | memoryview, refusal: ReceiveError, refused: Received, arrived: datetime) -> None:
        """Keep the bytes of a file; `refused` says what is known about them."""
        self._note(*self._store.put([file]), refusal, refused, arrived)

    def _note(self, key: str, size: int, refusal: ReceiveError, refused: Received, arrived: datetime) -> None:
        self._index.quarantine(
            key, size, refusal.status, str(refusal), refused.calling_aet, refused.sop_instance_uid, arrived
        )


def record(instance: Instance, store: FileStore, index: Intake, arrived: datetime) -> Recorded:
    """Commit an instance whose file is in the store; a row that an earlier release wrote of the same bytes counts too.

    Raises
    ------
    ReceiveError
        As `Intake.record`; OutOfResources also when the file cannot be read back.
    """
    try:
        return index.record(instance, arrived)
    except DuplicateInstance:
        earlier = _by_earlier_releases(instance, store)
    return index.record(earlier, arrived)


def _by_earlier_releases(instance: Instance, store: FileStore) -> Instance:
    """An instance as it would have been recorded when content was known by its SHA-256."""
    try:
        _, data_set = split(mapped(store.path(instance.stored.key)))
    except OSError as error:
        raise OutOfResources("an instance cannot be read back") from error
    return replace(instance, stored=replace(instance.stored, digest=digest_of_earlier_releases(data_set)))


class Admission:
    """The one way in.

    Parameters
    ----------
    store : FileStore
        Takes the instances.
    index : Intake
        Takes their rows.
    quarantine : FileStore
        Takes what is refused; on the same file system as `store`.
    clock : callable
        Now, as an aware moment.
    limits : LimitsSettings
        How large an object and how full the disk may be.
    """

    def __init__(
        self,
        store: FileStore,
        index: Intake,
        quarantine: FileStore,
        clock: Callable[[], datetime],
        limits: LimitsSettings | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._quarantine = Quarantine(quarantine, index)
        self._clock = clock
        self._limits = limits or LimitsSettings()

    def admit(self, received: Received) -> SeriesInstanceUID:
        """Take an instance; once this returns it is safe and may be acknowledged with 0000.

        Its bytes are written as they come: memory holds one piece at a time.

        Returns
        -------
        SeriesInstanceUID
            The series it belongs to.

        Raises
        ------
        ReceiveError
            With the status owed to the sender. Refused bytes are in quarantine then, unless the sender may simply
            bring them again.
        """
        proof = Proof(received)
        free = self._store.free_bytes()
        if free < self._limits.free_for_any:
            raise OutOfResources("no room left for instances")
        try:
            with self._store.create() as draft:
                self._write(draft, received, proof)
                return self._decide(draft, received, proof, free)
        except StoreError as error:
            raise OutOfResources(str(error)) from error

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        """An association that brought these series ended in good order."""
        self._index.released(calling_aet, series, self._clock())

    def _write(self, draft: Draft, received: Received, proof: Proof) -> None:
        before = head(_meta(received))
        for piece in received.data_set:
            if draft.size + len(piece) > self._limits.object_bytes:
                raise OutOfResources("the instance is larger than this node takes")
            draft.write(before, piece)
            proof.feed(piece)
            before = b""
        if before:
            draft.write(before)

    def _decide(self, draft: Draft, received: Received, proof: Proof, free: int) -> SeriesInstanceUID:
        arrived = self._clock()
        try:
            header = proof.finish()
            fits = free >= self._limits.free_for_new_studies
            if not fits and not self._index.knows(header.study_instance_uid):
                raise OutOfResources("no room left for new studies")
            self._record(draft, header, proof.digest, received.calling_aet, arrived)
        except OutOfResources:
            raise  # nothing is wrong with these bytes: the sender may bring them again
        except ReceiveError as refusal:
            self._set_aside(draft, refusal, received, arrived)
            raise
        return header.series_instance_uid

    def _record(
        self, draft: Draft, header: InstanceHeader, digest: Digest, calling_aet: AETitle, arrived: datetime
    ) -> None:
        draft.keep()
        stored = StoredObject(key=draft.key, size=draft.size, digest=digest)
        instance = Instance(header=header, stored=stored, calling_aet=calling_aet)
        try:
            recorded = record(instance, self._store, self._index, arrived)
        except InDoubt:
            # Whether the commit took place is unknown: were the file removed now and the row there, the next attempt
            # would count as a duplicate of nothing. Recovery settles it at the next start.
            logger.error("an instance is on disk but its row is in doubt")
            raise
        except OutOfResources:
            draft.discard()
            raise
        if recorded is Recorded.DUPLICATE:
            draft.discard()

    def _set_aside(self, draft: Draft, refusal: ReceiveError, received: Received, arrived: datetime) -> None:
        try:
            if self._index.quarantined() + draft.size > self._limits.quarantine_bytes:
                draft.discard()
                logger.error("the quarantine is full: refused bytes are not kept; see 'dicomnode quarantine purge'")
                return
            self._quarantine.keep(draft, refusal, received, arrived)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the sender is owed the refusal's own status
            draft.discard()
            logger.error("refused bytes could not be quarantined: %s", type(error).__name__)


def _meta(received: Received) -> FileMeta:
    return FileMeta(
        sop_class_uid=received.sop_class_uid,
        sop_instance_uid=received.sop_instance_uid,
        transfer_syntax_uid=received.transfer_syntax_uid,
        calling_aet=received.calling_aet,
    )
