"""Ask a peer what it holds (C-FIND) and fetch it (C-GET, C-MOVE), never more than a limit allows (PS3.4 Annex C)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_role, evt
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.status import code_to_category

from dicomnode.dicom.character_sets import codecs_of, decode
from dicomnode.dimse.association import opened
from dicomnode.dimse.contexts import TRANSFER_SYNTAXES
from dicomnode.dimse.storing import Answer, received, response
from dicomnode.domain.identity import AETitle, SOPClassUID, SOPInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import LimitExceeded, Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings

Level: TypeAlias = Literal["PATIENT", "STUDY", "SERIES", "IMAGE"]
"""Query/Retrieve Level (0008,0052)."""
Root: TypeAlias = Literal["STUDY", "PATIENT"]
"""Which information model is asked (PS3.4 C.6.1, C.6.2)."""
Keys: TypeAlias = Mapping[str, str | Sequence[str]]
"""Keyword and what it must match (PS3.4 C.2.2.2); empty text only asks for the value; several texts are a list."""
Match: TypeAlias = Mapping[str, str]
"""Keyword and value of one match, decoded to Unicode; several values joined by a backslash, absent ones left out."""

_FIND: Final[Mapping[Root, UID]] = {
    "PATIENT": UID("1.2.840.10008.5.1.4.1.2.1.1"),
    "STUDY": UID("1.2.840.10008.5.1.4.1.2.2.1"),
}
_MOVE: Final[Mapping[Root, UID]] = {
    "PATIENT": UID("1.2.840.10008.5.1.4.1.2.1.2"),
    "STUDY": UID("1.2.840.10008.5.1.4.1.2.2.2"),
}
_GET: Final[Mapping[Root, UID]] = {
    "PATIENT": UID("1.2.840.10008.5.1.4.1.2.1.3"),
    "STUDY": UID("1.2.840.10008.5.1.4.1.2.2.3"),
}
_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_MESSAGE: Final = 1
_PENDING: Final = (0xFF00, 0xFF01)
_WITH_FAILURES: Final = 0xB000
_OUT_OF_RESOURCES: Final = 0xA700
_CONNECT_SECONDS: Final = 10.0
_CANCEL_SECONDS: Final = 2.0
_TEXT: Final = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI", "UT"})
_LOCALIZED: Final = frozenset({"LO", "SH", "ST", "LT", "UT", "PN"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one question may bring and cost; what goes beyond ends it with LimitExceeded."""

    number: int
    """Matches, or instances."""
    seconds: float
    """From the first byte to the last."""
    bytes: int = 1 << 40
    """All that comes in on the association, protocol included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """What a peer says of a retrieval. Counts may be missing or wrong (they are optional): believe what has arrived."""

    completed: int
    warned: int
    failed: int
    failed_uids: tuple[SOPInstanceUID, ...] = ()


def find(
    peer: PeerSettings, local: DicomSettings, level: Level, keys: Keys, limits: Limits, *, root: Root = "STUDY"
) -> Iterator[Match]:
    """Matches, one by one as the peer sends them. Who stops early aborts the association.

    Parameters
    ----------
    peer : PeerSettings
        Whom to ask.
    local : DicomSettings
        Who asks.
    level : {"PATIENT", "STUDY", "SERIES", "IMAGE"}
        Of what there is one match each. The unique keys of the levels above must be among the keys.
    keys : mapping of keyword to value
        A date range is ``20240101-20241231``, a list of UIDs is a sequence.
    limits : Limits
        How many matches, how long, how much.

    Raises
    ------
    Unreachable
        When no association comes about, or the peer ends it before it has said that all matches are sent.
    Refused
        When it answers with a failure.
    LimitExceeded
        When there is more than a limit allows. The matches before are sound; they are not all.
    """
    with opened(peer, local, [build_context(_FIND[root])], min(limits.seconds, _CONNECT_SECONDS)) as association:
        deadline = _Deadline(association, limits)
        responses = association.send_c_find(_identifier(level, keys), _FIND[root], _MESSAGE)
        for number, (status, identifier) in enumerate(deadline.over(responses, "C-FIND"), 1):
            if int(status.Status) not in _PENDING:
                _judge(status, "C-FIND")
                return
            if number > limits.number:
                deadline.cancel(responses, _FIND[root])
                raise LimitExceeded(f"{peer.name} has more than {limits.number} matches")
            yield _match(identifier)


def get(
    peer: PeerSettings,
    local: DicomSettings,
    level: Level,
    keys: Keys,
    classes: Sequence[SOPClassUID],
    take: Callable[[Received], Answer],
    limits: Limits,
    *,
    root: Root = "STUDY",
) -> Retrieved:
    """Fetch instances over the association that asks for them (C-GET).

    Parameters
    ----------
    classes : sequence of SOPClassUID
        What may come, at most nine: each is offered in every encoding.
    take : callable
        Given each instance, whole; what it answers the peer is told.

    Raises
    ------
    Unreachable, Refused, LimitExceeded
        As :func:`find`. What was taken until then is there.
    """
    contexts = [build_context(uid, syntax) for uid in classes for syntax in TRANSFER_SYNTAXES]
    inbound = _Inbound(take, limits)
    with opened(
        peer,
        local,
        [build_context(_GET[root]), *contexts],
        min(limits.seconds, _CONNECT_SECONDS),
        roles=[build_role(uid, scp_role=True) for uid in classes],
        handlers=[(evt.EVT_C_STORE, inbound.store), (evt.EVT_DATA_RECV, inbound.count)],
    ) as association:
        deadline = _Deadline(association, limits)
        responses = association.send_c_get(_identifier(level, keys), _GET[root], _MESSAGE)
        try:
            for status, identifier in deadline.over(responses, "C-GET"):
                if inbound.beyond:
                    deadline.cancel(responses, _GET[root])
                    break
                if int(status.Status) not in _PENDING:
                    _judge(status, "C-GET")
                    return _retrieved(status, identifier)
        except Unreachable:
            if not inbound.beyond:
                raise
        raise LimitExceeded(f"{peer.name} sends more than {inbound.beyond}")


def move(
    peer: PeerSettings,
    local: DicomSettings,
    level: Level,
    keys: Keys,
    limits: Limits,
    *,
    arrived: Callable[[], int] = lambda: 0,
    root: Root = "STUDY",
) -> Retrieved:
    """Have a peer send instances to our own receiver (C-MOVE); it must know our AE title and address.

    Parameters
    ----------
    arrived : callable
        Bytes that have come by now, to be held against the limit: they do not come on this association.

    Raises
    ------
    Unreachable, Refused, LimitExceeded
        As :func:`find`. What has arrived until then is there.
    """
    with opened(peer, local, [build_context(_MOVE[root])], min(limits.seconds, _CONNECT_SECONDS)) as association:
        deadline = _Deadline(association, limits)
        responses = association.send_c_move(_identifier(level, keys), local.aet, _MOVE[root], _MESSAGE)
        for status, identifier in deadline.over(responses, "C-MOVE"):
            if int(status.Status) not in _PENDING:
                _judge(status, "C-MOVE")
                return _retrieved(status, identifier)
            beyond = _beyond(_sub_operations(status), arrived(), limits)
            if beyond:
                deadline.cancel(responses, _MOVE[root])
                raise LimitExceeded(f"{peer.name} sends more than {beyond}")
    raise Unreachable("C-MOVE ended without a final answer")


_Responses: TypeAlias = Iterator[tuple[Dataset, Dataset | None]]


class _Deadline:
    """Waits for answers, each time no longer than is left of the whole."""

    def __init__(self, association: Association, limits: Limits) -> None:
        self._association, self._seconds = association, limits.seconds
        self._end = time.monotonic() + limits.seconds
        association.network_timeout = limits.seconds + _CANCEL_SECONDS

    def over(self, responses: _Responses, request: str) -> _Responses:
        while True:
            self._association.dimse_timeout = max(self._end - time.monotonic(), 0.01)
            answer = next(responses, None)
            if answer is None or "Status" not in answer[0]:
                if time.monotonic() >= self._end:
                    raise LimitExceeded(f"{request} took longer than {self._seconds:g} s")
                raise Unreachable(f"the peer ended the association without a final answer to {request}")
            yield answer

    def cancel(self, responses: _Responses, model: UID) -> None:
        """Ask the peer to stop and wait a little for it; some abort instead."""
        if self._association.is_established:
            self._association.send_c_cancel(_MESSAGE, query_model=model)
        self._association.dimse_timeout = _CANCEL_SECONDS
        enough = time.monotonic() + _CANCEL_SECONDS
        for status, _ in responses:
            if "Status" not in status or int(status.Status) not in _PENDING or time.monotonic() > enough:
                return


class _Inbound:
    """The provider's part of a C-GET: hands instances on until a limit is reached."""

    def __init__(self, take: Callable[[Received], Answer], limits: Limits) -> None:
        self._take, self._limits = take, limits
        self._number = self._bytes = 0
        self.beyond = ""

    def store(self, event: evt.Event) -> int | Dataset:
        self._number += 1
        self.beyond = self.beyond or _beyond(self._number, self._bytes, self._limits)
        if self.beyond:
            return _OUT_OF_RESOURCES
        return response(self._take(received(event, AETitle(event.assoc.acceptor.ae_title))))

    def count(self, event: evt.Event) -> None:
        """One endless instance would never come to `store`: nothing more is read of the connection."""
        self._bytes += len(event.data)
        if self._bytes > self._limits.bytes and not self.beyond:
            self.beyond = _beyond(self._number, self._bytes, self._limits)
            connection = event.assoc.dul.socket
            if connection is not None and connection.socket is not None:
                with suppress(OSError):  # the peer may have closed it
                    socket.socket.shutdown(connection.socket, socket.SHUT_RDWR)


def _beyond(number: int, size: int, limits: Limits) -> str:
    if number > limits.number:
        return f"{limits.number} instances"
    return f"{limits.bytes} bytes" if size > limits.bytes else ""


def _identifier(level: Level, keys: Keys) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    # Asked for, and set where a key needs it: without it some peers answer in an unnamed character set.
    plain = all(text.isascii() for value in keys.values() for text in ([value] if isinstance(value, str) else value))
    identifier.SpecificCharacterSet = "" if plain else "ISO_IR 192"
    for keyword, value in keys.items():
        setattr(identifier, keyword, value if isinstance(value, str) else list(value))
    return identifier


def _match(identifier: Dataset | None) -> Match:
    """What the peer's identifier says; never fails, whatever the peer writes."""
    if identifier is None:
        return {}
    named = _raw(identifier, _SPECIFIC_CHARACTER_SET).decode("ascii", "replace")
    codecs = codecs_of([name.strip("\0 ") for name in named.split("\\")])
    values: dict[str, str] = {}
    for tag in identifier.keys():  # noqa: SIM118 - iterating over a data set would decode its values
        vr = dictionary_VR(tag) if dictionary_has_tag(tag) else ""
        if vr in _TEXT:
            text, _ = decode(_raw(identifier, tag), codecs if vr in _LOCALIZED else ("ascii",), b"^=\\\r\n\t\f")
            values[keyword_for_tag(tag)] = "\\".join(part.strip("\0 ") for part in text.split("\\"))
    return {keyword: value for keyword, value in values.items() if value}


def _raw(identifier: Dataset, tag: int) -> bytes:
    """A value as it came; pydicom's own reading would warn, quoting it, or raise."""
    value = getattr(identifier.get_item(tag), "value", None)
    return value if isinstance(value, bytes) else b""


def _judge(status: Dataset, request: str) -> None:
    code = int(status.Status)
    if code in (0, _WITH_FAILURES):
        return
    comment = str(status.get("ErrorComment", ""))
    words = f"{request} was answered with {code_to_category(code)} {code:04X}"
    raise Refused(f"{words}: {comment}" if comment else words)


def _sub_operations(status: Dataset) -> int:
    return sum(int(status.get(f"NumberOf{kind}Suboperations", 0) or 0) for kind in _SUB_OPERATIONS)


_SUB_OPERATIONS: Final = ("Remaining", "Completed", "Failed", "Warning")


def _retrieved(status: Dataset, identifier: Dataset | None) -> Retrieved:
    completed, failed, warned = (int(status.get(f"NumberOf{k}Suboperations", 0) or 0) for k in _SUB_OPERATIONS[1:])
    listed = _match(identifier).get("FailedSOPInstanceUIDList", "")
    return Retrieved(
        completed=completed,
        warned=warned,
        failed=failed,
        failed_uids=tuple(SOPInstanceUID(uid) for uid in listed.split("\\") if uid),
    )
