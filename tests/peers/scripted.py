"""A PACS that misbehaves by programme, and remembers everything it was sent."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal

from pydicom.dataset import Dataset
from pynetdicom import AE, build_role, evt
from pynetdicom.dsutils import decode
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicomnode.dimse.library import configure
from tests.peers.tools import free_port

PUSH_MODEL, ITS_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
Commitment = Literal["same", "own", "late", "never", "partial", "forged", "none"]


@dataclass(frozen=True, kw_only=True)
class Programme:
    """What it does wrong; by default nothing, and it commits itself at once."""

    down_for: float = 0.0
    aborts: int = 0
    """Associations it aborts before it serves one."""
    slow: float = 0.0
    takes: tuple[str, ...] = ()
    """SOP classes."""
    resets_every: int = 0
    """Of the C-STOREs: taken, and then the connection is reset in place of an answer."""
    full_every: int = 0
    """Of the C-STOREs: answered with A700."""
    commitment: Commitment = "same"
    answers_queries: bool = True


@dataclass
class ScriptedPACS:
    """The archive behind the programme."""

    aet: str
    node_port: int
    programme: Programme
    port: int = field(default_factory=free_port)
    kept: dict[str, Dataset] = field(default_factory=dict)
    received: Counter[str] = field(default_factory=Counter)
    bytes_of: dict[str, set[bytes]] = field(default_factory=dict)
    forgeries: list[int] = field(default_factory=list)
    _associations: int = 0
    _stores: int = 0
    _lost: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[ScriptedPACS]:
        """Listen, after the time it is down."""
        configure()
        ae = AE(self.aet)
        ae.maximum_associations = 20
        for uid in self.programme.takes:
            ae.add_supported_context(uid)
        if self.programme.commitment != "none":
            ae.add_supported_context(PUSH_MODEL, scu_role=True, scp_role=True)
        if self.programme.answers_queries:
            ae.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
        handlers = [
            (evt.EVT_ACCEPTED, self._accepted),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._commit),
            (evt.EVT_C_FIND, self._find),
        ]

        def listen() -> None:
            ae.start_server(("127.0.0.1", self.port), block=False, evt_handlers=handlers)  # type: ignore[arg-type]

        starter = threading.Timer(self.programme.down_for, listen)
        starter.start()
        try:
            yield self
        finally:
            starter.join()
            for thread in self._threads:
                thread.join()
            ae.shutdown()

    def _accepted(self, event: evt.Event) -> None:
        with self._lock:
            self._associations += 1
            abort = self._associations <= self.programme.aborts
        if abort:
            event.assoc.abort()

    def _store(self, event: evt.Event) -> int:
        time.sleep(self.programme.slow)
        raw = event.request.DataSet.getvalue()  # type: ignore[union-attr]
        uid = str(event.request.AffectedSOPInstanceUID)
        with self._lock:
            self._stores += 1
            number = self._stores
            self.received[uid] += 1
            if self.programme.full_every and number % self.programme.full_every == 0:
                return 0xA700
            self.bytes_of.setdefault(uid, set()).add(raw)
            self.kept[uid] = decode(BytesIO(raw), False, True)
        if self.programme.resets_every and number % self.programme.resets_every == 0:
            connection = event.assoc.dul.socket.socket  # type: ignore[union-attr]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            event.assoc.dul.socket.close()  # type: ignore[union-attr]
        return 0

    def _commit(self, event: evt.Event) -> tuple[int, None]:
        action, how = event.action_information, self.programme.commitment
        if how == "forged":
            self._later(0.1, self._forge, action)
        elif how == "same":
            self._later(0.1, lambda: self._send(event.assoc, self._report(action)))
        elif how in ("own", "partial", "late"):
            self._later(1.5 if how == "late" else 0.1, self._report_by_itself, action)
        return 0, None

    def _later(self, seconds: float, act: object, *arguments: object) -> None:
        thread = threading.Timer(seconds, act, arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _report(self, action: Dataset) -> Dataset:
        """Keeps what it has; a partial one loses the first half of what it is asked for, once."""
        information = Dataset()
        information.TransactionUID = action.TransactionUID
        items = list(action.ReferencedSOPSequence)
        with self._lock:
            if self.programme.commitment == "partial":
                for item in items[: len(items) // 2]:
                    uid = str(item.ReferencedSOPInstanceUID)
                    if uid not in self._lost:
                        self._lost.add(uid)
                        self.kept.pop(uid, None)
            information.ReferencedSOPSequence = [i for i in items if i.ReferencedSOPInstanceUID in self.kept]
            missing = [i for i in items if i.ReferencedSOPInstanceUID not in self.kept]
        for item in missing:
            item.FailureReason = 0x0112
        if missing:
            information.FailedSOPSequence = missing
        return information

    def _send(self, association: object, information: Dataset) -> int:
        kind = 2 if "FailedSOPSequence" in information else 1
        status, _ = association.send_n_event_report(information, kind, PUSH_MODEL, ITS_INSTANCE)  # type: ignore[attr-defined]
        return int(status.get("Status", -1))

    def _report_by_itself(self, action: Dataset) -> None:
        self._with_association(self._report(action))

    def _with_association(self, *reports: Dataset) -> list[int]:
        ae = AE(self.aet)
        ae.add_requested_context(PUSH_MODEL)
        roles = [build_role(PUSH_MODEL, scp_role=True)]
        association = ae.associate("127.0.0.1", self.node_port, ae_title="DICOMNODE", ext_neg=roles)
        assert association.is_established
        statuses = [self._send(association, report) for report in reports]
        association.release()
        return statuses

    def _forge(self, action: Dataset) -> None:
        """Reports all is well on a transaction nobody asked for, and on instances nobody asked about."""
        unknown, foreign = self._report(action), self._report(action)
        unknown.TransactionUID = "2.25.666"
        stranger = Dataset()
        stranger.ReferencedSOPClassUID, stranger.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.666"
        foreign.ReferencedSOPSequence = [*foreign.ReferencedSOPSequence, stranger]
        self.forgeries += self._with_association(unknown, foreign)

    def _find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        wanted = event.identifier
        with self._lock:
            kept = list(self.kept.items())
        for uid, one in kept:
            if one.SeriesInstanceUID == wanted.SeriesInstanceUID:
                match = Dataset()
                match.QueryRetrieveLevel = "IMAGE"
                match.StudyInstanceUID, match.SeriesInstanceUID = one.StudyInstanceUID, one.SeriesInstanceUID
                match.SOPInstanceUID = uid
                yield 0xFF00, match
