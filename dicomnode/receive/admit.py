"""May this instance be acknowledged? Prove it whole and honest, make it durable, commit it; only then return."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from dicomnode.dicom import header
from dicomnode.domain.identity import AETitle, Digest, StudyInstanceUID
from dicomnode.domain.instance import Instance, InstanceHeader, Received, Recorded, StoredObject
from dicomnode.errors import InDoubt, NotThisClass, OutOfResources, ReceiveError, StoreError
from dicomnode.receive import guard
from dicomnode.receive.part10 import FileMeta, head
from dicomnode.receive.walk import walk
from dicomnode.store.filesystem import FileStore

logger = logging.getLogger(__name__)

_NOT_KEPT = (OutOfResources, NotThisClass)  # nothing is wrong with these bytes: the sender may bring them again


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

    def released(self, calling_aet: AETitle, studies: frozenset[StudyInstanceUID], at: datetime) -> None:
        """Note that a sender said it is done with these studies."""

    def keys(self) -> set[str]:
        """Store keys that have a row."""


class Quarantine:
    """Where refused bytes wait for a person, beside the reason."""

    def __init__(self, store: FileStore, index: Intake) -> None:
        self._store = store
        self._index = index

    def keep(self, refused: Received, refusal: ReceiveError, arrived: datetime) -> None:
        """Keep what C-STORE brought, as a file others can open.

        Raises
        ------
        StoreError, OutOfResources
            When it cannot be kept.
        """
        self.keep_file((head(_meta(refused)), refused.data_set), refusal, refused, arrived)

    def keep_file(self, parts: tuple[bytes, ...], refusal: ReceiveError, refused: Received, arrived: datetime) -> None:
        """Keep the bytes of a file; `refused` says what is known about them."""
        key, size = self._store.put(parts)
        self._index.quarantine(
            key, size, refusal.status, str(refusal), refused.calling_aet, refused.sop_instance_uid, arrived
        )


class Admission:
    """The one way in.

    Parameters
    ----------
    store : FileStore
        Takes the instances.
    index : Intake
        Takes their rows.
    quarantine : FileStore
        Takes what is refused.
    clock : callable
        Now, as an aware moment.
    """

    def __init__(self, store: FileStore, index: Intake, quarantine: FileStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._index = index
        self._quarantine = Quarantine(quarantine, index)
        self._clock = clock

    def admit(self, received: Received) -> StudyInstanceUID:
        """Take an instance; once this returns it is safe and may be acknowledged with 0000.

        Returns
        -------
        StudyInstanceUID
            The study it belongs to.

        Raises
        ------
        ReceiveError
            With the status owed to the sender. Refused bytes are in quarantine then, unless the sender may simply
            bring them again.
        """
        arrived = self._clock()
        try:
            instance_header = prove(received)
            self._keep(instance_header, received, arrived)
        except ReceiveError as refusal:
            if not isinstance(refusal, _NOT_KEPT):
                self._set_aside(received, refusal, arrived)
            raise
        return instance_header.study_instance_uid

    def released(self, calling_aet: AETitle, studies: frozenset[StudyInstanceUID]) -> None:
        """An association that brought these studies ended in good order."""
        self._index.released(calling_aet, studies, self._clock())

    def _keep(self, instance_header: InstanceHeader, received: Received, arrived: datetime) -> None:
        try:
            key, size = self._store.put((head(_meta(received)), received.data_set))
        except StoreError as error:
            raise OutOfResources(str(error)) from error
        stored = StoredObject(key=key, size=size, digest=digest(received.data_set))
        instance = Instance(header=instance_header, stored=stored, calling_aet=received.calling_aet)
        try:
            recorded = self._index.record(instance, arrived)
        except InDoubt:
            # Whether the commit took place is unknown: were the file removed now and the row there, the next attempt
            # would count as a duplicate of nothing. Recovery settles it at the next start.
            logger.error("an instance is on disk but its row is in doubt")
            raise
        except ReceiveError:
            self._drop(key)
            raise
        if recorded is Recorded.DUPLICATE:
            self._drop(key)

    def _drop(self, key: str) -> None:
        try:
            self._store.remove(key)
        except StoreError as error:
            logger.error("a file without a row stays behind until recovery: %s", error)

    def _set_aside(self, received: Received, refusal: ReceiveError, arrived: datetime) -> None:
        try:
            self._quarantine.keep(received, refusal, arrived)
        except Exception as error:  # noqa: BLE001 - whatever fails here, the sender is owed the refusal's own status
            logger.error("refused bytes could not be quarantined: %s", type(error).__name__)


def prove(received: Received) -> InstanceHeader:
    """Read the header of an instance that is whole and agrees with its request.

    Raises
    ------
    ReceiveError
        Any of its kinds but those that storing and indexing add.
    """
    guard.check_request(received)
    identity = walk(received.data_set, received.transfer_syntax_uid)
    guard.check_identity(identity, received)
    instance_header = header.read(received.data_set, received.transfer_syntax_uid)
    guard.check_reading(instance_header, identity)
    return instance_header


def digest(data_set: bytes) -> Digest:
    """SHA-256 of an encoded data set: equal for the same bytes whatever file they came in."""
    return Digest(hashlib.sha256(data_set).hexdigest())


def _meta(received: Received) -> FileMeta:
    return FileMeta(
        sop_class_uid=received.sop_class_uid,
        sop_instance_uid=received.sop_instance_uid,
        transfer_syntax_uid=received.transfer_syntax_uid,
        calling_aet=received.calling_aet,
    )
