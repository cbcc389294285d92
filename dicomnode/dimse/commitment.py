"""Storage commitment (PS3.4 Annex J): ask a peer to keep instances, and read what it reports."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import uuid4

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.presentation import build_context

from dicomnode.dicom.header import is_uid
from dicomnode.dimse.association import opened
from dicomnode.dimse.normalized import Operation, Request, Service, Services, asked
from dicomnode.dimse.storing import SUCCESS, response
from dicomnode.domain.delivery import CommitmentReport, Reference
from dicomnode.domain.identity import AETitle
from dicomnode.errors import InvalidArgument, NoSuchEvent, NoSuchInstance, NothingAccepted, Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings

PUSH_MODEL: Final = "1.2.840.10008.1.20.1"
_WELL_KNOWN_INSTANCE: Final = "1.2.840.10008.1.20.1.1"
_REQUEST: Final = 1
_NOT_TAKEN: Final = 0x0110
_CLOSING_SECONDS: Final = 10.0
_ALL_COMMITTED, _FAILURES_EXIST = 1, 2
_FOR_NOW: Final = frozenset({0x0110, 0x0210, 0x0213})
"""Statuses of an N-ACTION that may be another one later: processing failure, duplicate invocation, resource limit."""

Take = Callable[[Request], None]
"""Given every report, as a request; raises the RequestError that is answered."""


def new_transaction_uid() -> str:
    """A UID of which nobody can know the next: who knows it was asked (PS3.5 B.2)."""
    return f"2.25.{uuid4().int}"


def service(callers: Collection[str], take: Take) -> Service:
    """What lets peers report on associations that they open."""
    return Service(
        sop_class_uid=PUSH_MODEL,
        handlers={Operation.N_EVENT_REPORT: take},
        callers=frozenset(callers),
        caller_provides=True,
    )


def ask(
    peer: PeerSettings,
    local: DicomSettings,
    transaction_uid: str,
    references: Sequence[Reference],
    take: Take,
    *,
    wait: float,
    timeout: float = 60.0,
) -> None:
    """Ask a peer to commit itself to instances (N-ACTION), and wait a little for a report on the same association.

    Parameters
    ----------
    take : callable
        Given what the peer reports meanwhile.
    wait : float
        Seconds; a report may as well come later, on an association of the peer's own.

    Raises
    ------
    Refused
        When the peer does not give storage commitment, or not for this.
    Unreachable
        When it cannot be asked, or does not answer.
    """
    inbox = _Inbox(peer, take)
    try:
        with opened(
            peer,
            local,
            [build_context(PUSH_MODEL)],
            timeout,
            handlers=[
                (evt.EVT_N_EVENT_REPORT, inbox.report),
                (evt.EVT_PDU_SENT, inbox.sent),
                (evt.EVT_CONN_CLOSE, inbox.closed),
            ],
        ) as association:
            action = _request(transaction_uid, references)
            status, _ = association.send_n_action(action, _REQUEST, PUSH_MODEL, _WELL_KNOWN_INSTANCE)
            if "Status" not in status:
                raise Unreachable(f"{peer.name} did not answer the request for storage commitment")
            if status.Status in _FOR_NOW:
                raise Unreachable(f"{peer.name} did not take the request for storage commitment: {status.Status:04X}")
            if status.Status != SUCCESS:
                raise Refused(f"storage commitment was refused with {status.Status:04X}")
            inbox.over.wait(wait)
            inbox.leave(timeout)
    except NothingAccepted as error:
        raise Refused("no storage commitment is offered") from error


class _Inbox:
    """Serves reports that come on the association of the request."""

    def __init__(self, peer: PeerSettings, take: Take) -> None:
        self._aet = AETitle(peer.aet)
        self._services = Services([service({peer.aet}, take)])
        self._taken = self._leaving = False
        self._gate = threading.Lock()
        self.over = threading.Event()
        """A report was taken and answered, or none can come any more."""
        self.answered = threading.Event()
        """No report waits for its answer: a release before it would leave it unsent."""
        self.answered.set()

    def report(self, event: evt.Event) -> tuple[int | Dataset, None]:
        with self._gate:
            if not self._leaving:
                self.answered.clear()
        if self._leaving:  # an answer after our release would break the protocol: the peer reports again, or is asked
            event.assoc.dul.join(_CLOSING_SECONDS)
            return _NOT_TAKEN, None
        answer = self._services.answer(asked(event, self._aet))
        self._taken = self._taken or answer.status == SUCCESS
        return response(answer), None

    def leave(self, timeout: float) -> None:
        """Take nothing more, as soon as what was taken is answered."""
        deadline = time.monotonic() + timeout
        while not self._leaving:
            self.answered.wait(max(deadline - time.monotonic(), 0.0))
            with self._gate:
                self._leaving = self.answered.is_set() or time.monotonic() >= deadline

    def sent(self, _: evt.Event) -> None:
        """While a report is being answered nothing is sent but its answer."""
        self.answered.set()
        if self._taken:
            self.over.set()

    def closed(self, _: evt.Event) -> None:
        self.answered.set()
        self.over.set()


def _request(transaction_uid: str, references: Sequence[Reference]) -> Dataset:
    """PS3.4 Table J.3-1."""
    action = Dataset()
    action.TransactionUID = transaction_uid
    action.ReferencedSOPSequence = [_item(reference) for reference in references]
    return action


def _item(reference: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return item


def read(request: Request) -> CommitmentReport:
    """What a report says (PS3.4 Table J.3-2).

    Raises
    ------
    NoSuchInstance
        When it is not about the one instance of the Storage Commitment Push Model.
    NoSuchEvent
        When it is of another kind than "all committed" or "failures exist".
    InvalidArgument
        When it does not say what it must, or contradicts itself.
    """
    if request.sop_instance_uid != _WELL_KNOWN_INSTANCE:
        raise NoSuchInstance("not the instance of the Storage Commitment Push Model")
    if request.event_type not in (_ALL_COMMITTED, _FAILURES_EXIST):
        raise NoSuchEvent("storage commitment has event types 1 and 2")
    data_set = request.data_set
    committed = [_reference(item) for item in _items(data_set, "ReferencedSOPSequence")]
    failed = {_reference(item): _failure(item) for item in _items(data_set, "FailedSOPSequence")}
    if request.event_type == _ALL_COMMITTED and failed:
        raise InvalidArgument("failures in a report that says there are none")
    return CommitmentReport(
        transaction_uid=_uid(data_set, "TransactionUID"),
        calling_aet=request.calling_aet,
        committed=frozenset(committed),
        failed=failed,
    )


def _items(data_set: Dataset, keyword: str) -> Sequence[Dataset]:
    items = data_set.get(keyword) or ()
    if not all(isinstance(item, Dataset) for item in items):
        raise InvalidArgument(f"{keyword} is no sequence")
    return tuple(items)


def _reference(item: Dataset) -> Reference:
    return Reference(
        sop_class_uid=_uid(item, "ReferencedSOPClassUID"), sop_instance_uid=_uid(item, "ReferencedSOPInstanceUID")
    )


def _uid(data_set: Dataset, keyword: str) -> str:
    uid = str(data_set.get(keyword) or "")
    if not is_uid(uid):
        raise InvalidArgument(f"{keyword} is missing or not a UID")
    return uid


def _failure(item: Dataset) -> int:
    reason = item.get("FailureReason")
    return reason if isinstance(reason, int) else 0x0110
