"""An association that we open to store: propose, stream files onto the socket, read each answer."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from time import monotonic
from typing import BinaryIO, Final

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

from dicomnode.dimse import tls
from dicomnode.dimse.transport import command as commands
from dicomnode.dimse.transport import pdu
from dicomnode.dimse.transport.command import Command
from dicomnode.dimse.transport.pdu import Inbox, Kind, Reason, Violation
from dicomnode.dimse.transport.wire import Interrupted, Stream, TLSStream
from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnode.errors import NothingAccepted, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings

_APPLICATION_CONTEXT: Final = UID("1.2.840.10008.3.1.1.1")
_LONGEST_ANSWER: Final = 1 << 18
_OUR_PDU: Final = 1 << 16
"""Bytes of a P-DATA-TF we take: answers are short."""
_LONGEST_PDU: Final = 1 << 17
"""Bytes of a P-DATA-TF of ours, where the peer takes more."""
_AT_ONCE: Final = 1 << 20
"""Bytes given to the socket in one call."""
_VALUE_HEADER: Final = 6
_COMMAND, _DATA_SET, _LAST = 1, 0, 2
"""Bits of a fragment's control header (PS3.8 E.2)."""
_RELEASE_SECONDS: Final = 5.0

Encoding = tuple[str, str]
"""SOP class and transfer syntax: what one presentation context stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the peer has accepted."""

    contexts: dict[Encoding, int]
    longest: int
    """Bytes of a P-DATA-TF that it takes."""


@contextmanager
def requested(
    peer: PeerSettings, local: DicomSettings, offers: Sequence[Encoding], timeout: float
) -> Iterator[Requestor]:
    """Open an association; it is released at the end, aborted when the block raises.

    Raises
    ------
    Unreachable
        When none comes about.
    NothingAccepted
        When one would, but the peer takes nothing of what is offered.
    """
    context = tls.context_for(peer, local)
    where = f"{peer.name} does not answer at {peer.host}:{peer.port}"
    try:
        connected = socket.create_connection((peer.host, peer.port), timeout)
    except socket.gaierror as error:
        raise Unreachable(f"the address of {peer.name} is not known: {error.strerror}") from error
    except OSError as error:
        raise Unreachable(where) from error
    stream = TLSStream(connected, context, peer.host) if context else Stream(connected)
    try:
        requestor = Requestor(stream, timeout)
        try:
            stream.open(monotonic() + timeout)
            requestor.associate(peer, local, offers)
        except Interrupted as error:
            otherwise = f"{peer.name} aborted the association or did not answer in time"
            raise Unreachable(tls.blamed(peer, context, otherwise)) from error
        try:
            yield requestor
        except BaseException:
            requestor.abort()
            raise
        requestor.release()
    finally:
        stream.close()


class Requestor:
    """Our side of an association."""

    def __init__(self, stream: Stream, timeout: float) -> None:
        self._stream = stream
        self._timeout = timeout
        self._inbox = Inbox(stream, timeout)

    def associate(self, peer: PeerSettings, local: DicomSettings, offers: Sequence[Encoding]) -> None:
        """Negotiate; see :func:`requested`."""
        self._send(_request(peer, local, offers))
        kind, raw = self._hear((Kind.ASSOCIATE_AC, Kind.ASSOCIATE_RJ, Kind.ABORT), _LONGEST_ANSWER)
        if kind is Kind.ASSOCIATE_RJ:
            rejected = A_ASSOCIATE_RJ()
            rejected.decode(raw)
            raise Unreachable(f"{peer.name} rejected the association: {rejected.result_str}, {rejected.reason_str}")
        self.agreement = _accepted(raw, offers)
        if not self.agreement.contexts:
            self.abort()
            raise NothingAccepted(f"{peer.name} accepted none of the presentation contexts")

    def store(self, encoding: Encoding, number: int, sop_instance_uid: str, data_set: BinaryIO, size: int) -> Command:
        """Send the next `size` bytes of a file as a data set, in an agreed encoding, and return the C-STORE response.

        Raises
        ------
        Interrupted
            When the association ends, or the peer takes too long; nothing is known of the instance then.
        """
        context_id = self.agreement.contexts[encoding]
        request = commands.store_request(encoding[0], sop_instance_uid, number)
        waiting = bytearray()
        for control, content, left in ((_COMMAND, BytesIO(request), len(request)), (_DATA_SET, data_set, size)):
            for values in self._values(context_id, control, content, left):
                waiting += values
                if len(waiting) >= _AT_ONCE:
                    self._send(waiting)
                    waiting = bytearray()
        self._send(waiting)
        return self._response(number)

    def release(self) -> None:
        """Say goodbye and wait a little for the answer; all that matters has been answered before."""
        with suppress(Interrupted):
            self._send(pdu.RELEASE_RQ)
            deadline = monotonic() + min(self._timeout, _RELEASE_SECONDS)
            self._inbox.next((Kind.RELEASE_RP, Kind.RELEASE_RQ, Kind.ABORT), _OUR_PDU, deadline)

    def abort(self) -> None:
        """Leave at once."""
        with suppress(Interrupted):
            self._stream.send(pdu.abort(Reason.UNSPECIFIED), monotonic() + 1.0)

    def _values(self, context_id: int, control: int, content: BinaryIO, left: int) -> Iterator[bytes]:
        """P-DATA-TFs, none longer than the peer takes, of one fragment each."""
        room = (self.agreement.longest - _VALUE_HEADER) & ~1
        while left > 0:
            fragment = content.read(min(room, left))
            if not fragment:
                raise Violation("the file became shorter")
            left -= len(fragment)
            length = len(fragment) + 2
            yield struct.pack(
                ">BBLLBB", Kind.P_DATA, 0, length + 4, length, context_id, control if left else control | _LAST
            )
            yield fragment

    def _response(self, number: int) -> Command:
        raw = b""
        while True:
            kind, start, end = self._inbox.next(
                (Kind.P_DATA, Kind.RELEASE_RQ, Kind.ABORT), _OUR_PDU, monotonic() + self._timeout
            )
            if kind is not Kind.P_DATA:
                raise Violation("the peer ended the association")
            for fragment in self._inbox.fragments(start, end):
                raw += self._inbox.content(fragment.start, fragment.end)
                if not fragment.command or len(raw) > commands.LONGEST:
                    raise Violation("no C-STORE response")
                if fragment.last:
                    answer = commands.parse(raw)
                    if answer.field != commands.C_STORE | commands.RESPONSE or answer.message_id != number:
                        raise Violation("a response to something else")
                    return answer

    def _hear(self, allowed: tuple[Kind, ...], longest: int) -> tuple[Kind, bytes]:
        kind, start, end = self._inbox.next(allowed, longest, monotonic() + self._timeout)
        if kind is Kind.ABORT:
            raise Violation("aborted by the peer")
        return kind, self._inbox.content(start - 6, end)

    def _send(self, data: bytes | bytearray) -> None:
        self._stream.send(data, monotonic() + self._timeout)


def _request(peer: PeerSettings, local: DicomSettings, offers: Sequence[Encoding]) -> bytes:
    contexts = [build_context(*offer) for offer in offers]
    for place, context in enumerate(contexts):
        context.context_id = 2 * place + 1
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    version = ImplementationVersionNameNotification()
    length.maximum_length_received = _OUR_PDU
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    request = A_ASSOCIATE()
    request.application_context_name = _APPLICATION_CONTEXT
    request.calling_ae_title, request.called_ae_title = local.aet, peer.aet
    request.presentation_context_definition_list = contexts
    request.user_information = [length, implementation, version]
    return bytes(A_ASSOCIATE_RQ(request).encode())


def _accepted(raw: bytes, offers: Sequence[Encoding]) -> Agreement:
    try:
        answer = A_ASSOCIATE_AC()
        answer.decode(raw)
        primitive = answer.to_primitive()
        results = primitive.presentation_context_definition_results_list
        limits = [n for n in primitive.user_information if isinstance(n, MaximumLengthNotification)]
    except Exception as error:  # whatever pynetdicom makes of bytes that are no answer
        raise Violation("A-ASSOCIATE-AC cannot be decoded") from error
    if not results:
        raise Violation("A-ASSOCIATE-AC without an answer")
    taken = {context.context_id for context in results if context.result == 0}
    contexts = {offer: 2 * place + 1 for place, offer in enumerate(offers) if 2 * place + 1 in taken}
    longest = limits[0].maximum_length_received if limits else 0
    return Agreement(contexts=contexts, longest=min(longest or _LONGEST_PDU, _LONGEST_PDU))
