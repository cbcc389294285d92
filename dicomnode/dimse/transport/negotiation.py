"""Who may associate, and for what: a strict look at the A-ASSOCIATE-RQ, then pynetdicom's own negotiation.

The one place where the transport touches pynetdicom. The names are public but lie deep: each has a contract test.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from dicomnode.dimse.contexts import VERIFICATION, accepted
from dicomnode.dimse.normalized import Services
from dicomnode.dimse.transport.pdu import Violation
from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, AETitle

LONGEST_REQUEST: Final = 1 << 18
"""Bytes of an A-ASSOCIATE-RQ; 128 contexts with a dozen transfer syntaxes each have some sixty thousand."""

APPLICATION_CONTEXT_REFUSED: Final = (1, 1, 2)
CALLING_REFUSED: Final = (1, 1, 3)
CALLED_REFUSED: Final = (1, 1, 7)
VERSION_REFUSED: Final = (1, 2, 2)
FULL: Final = (2, 3, 2)
"""Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

_APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
_SMALLEST_PDU: Final = 128  # no answer of ours would fit into less
_BODY: Final = 74  # header, version, titles and reserved bytes; then come the items
_UID: Final = re.compile(rb"[0-9.]{1,64}[\0 ]?")


class Rejected(Exception):
    """The association is answered with A-ASSOCIATE-RJ."""

    def __init__(self, why: tuple[int, int, int], text: str) -> None:
        super().__init__(text)
        self.why = why

    def encode(self) -> bytes:
        """The A-ASSOCIATE-RJ."""
        pdu = A_ASSOCIATE_RJ()
        pdu.result, pdu.source, pdu.reason_diagnostic = self.why
        return bytes(pdu.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """An accepted presentation context."""

    abstract_syntax: str
    transfer_syntax: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was negotiated."""

    calling_aet: AETitle
    contexts: Mapping[int, Context]
    accept: bytes
    """The A-ASSOCIATE-AC."""


class Negotiator:
    """Shared by all connections: what we offer, and to whom.

    Parameters
    ----------
    aet : AETitle
        Ours: what must be called.
    callers : collection of str, or None
        Titles that may store; None lets anybody.
    certificates : mapping
        Calling title to the fingerprints it must show one of; titles without an entry may show any.
    max_pdu : int
        Bytes of a P-DATA-TF we take.
    services : Services
        What else may be asked, and by whom.
    """

    def __init__(
        self,
        aet: AETitle,
        callers: Collection[str] | None,
        certificates: Mapping[str, Collection[str]],
        max_pdu: int,
        services: Services,
    ) -> None:
        self._aet = aet
        self._callers = callers
        self._certificates = certificates
        self._max_pdu = max_pdu
        self._stored = {str(context.abstract_syntax): context for context in accepted()}
        self._services = services
        self._served = {str(context.abstract_syntax): context for context in services.contexts()}

    def negotiate(self, raw: bytes, fingerprint: str) -> Agreement:
        """Judge one A-ASSOCIATE-RQ.

        Parameters
        ----------
        raw : bytes
            The whole PDU.
        fingerprint : str
            SHA-256 of the caller's TLS certificate.

        Raises
        ------
        Rejected
            It is in order, but not for us, or not from somebody we know.
        Violation
            It is not in order.
        """
        _check(raw)
        calling = self._caller(raw, fingerprint)
        try:
            pdu = A_ASSOCIATE_RQ()
            pdu.decode(raw)
            request = pdu.to_primitive()
            proposed = request.presentation_context_definition_list
            roles = _roles(request)
        except Exception as error:  # whatever pynetdicom and pydicom make of bytes that are no request
            raise Violation("A-ASSOCIATE-RQ cannot be decoded") from error
        limits = [n for n in request.user_information if isinstance(n, MaximumLengthNotification)]
        if any(0 < limit.maximum_length_received < _SMALLEST_PDU for limit in limits):
            raise Violation("peer takes no PDU of useful size")
        offered = self._offered(calling, {str(context.abstract_syntax) for context in proposed})
        results, replies = negotiate_as_acceptor(proposed, offered, roles)
        contexts = {
            context.context_id: Context(
                abstract_syntax=str(context.abstract_syntax), transfer_syntax=str(context.transfer_syntax[0])
            )
            for context in results
            if context.result == 0 and context.context_id is not None
        }
        return Agreement(calling_aet=calling, contexts=contexts, accept=self._accept(request, results, replies))

    def _caller(self, raw: bytes, fingerprint: str) -> AETitle:
        called, calling = (raw[at : at + 16].decode("latin-1").strip(" ") for at in (10, 26))
        if called != self._aet:
            raise Rejected(CALLED_REFUSED, "called AE title is not ours")
        known = self._stores(calling) or calling in self._services.callers()
        if not known or not calling.isascii() or not calling.isprintable() or not calling or "\\" in calling:
            raise Rejected(CALLING_REFUSED, "unknown calling AE title")
        if fingerprint not in self._certificates.get(calling, (fingerprint,)):
            raise Rejected(CALLING_REFUSED, "calling AE title without its certificate")
        return AETitle(calling)

    def _stores(self, calling: str) -> bool:
        return self._callers is None or calling in self._callers

    def _offered(self, calling: AETitle, wanted: set[str]) -> list[PresentationContext]:
        """What this caller may have of what it wants."""
        stored = self._stored.keys() if self._stores(calling) else {VERIFICATION}
        served = self._services.offered(calling)
        return [*(self._stored[uid] for uid in wanted & stored), *(self._served[uid] for uid in wanted & served)]

    def _accept(self, request: A_ASSOCIATE, results: list[PresentationContext], replies: list[Any]) -> bytes:
        length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
        version = ImplementationVersionNameNotification()
        length.maximum_length_received = self._max_pdu
        implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
        version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        answer = A_ASSOCIATE()
        answer.application_context_name = UID(_APPLICATION_CONTEXT)
        answer.calling_ae_title, answer.called_ae_title = request.calling_ae_title, request.called_ae_title
        answer.result, answer.result_source = 0, 1
        answer.presentation_context_definition_results_list = results
        answer.user_information = [length, implementation, version, *replies]
        return bytes(A_ASSOCIATE_AC(answer).encode())


def _roles(request: A_ASSOCIATE) -> dict[UID, tuple[bool | None, bool | None]]:
    return {
        UID(item.sop_class_uid): (item.scu_role, item.scp_role)
        for item in request.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid
    }


def _check(raw: bytes) -> None:
    """The rules of PS3.8 9.3.2 that pynetdicom does not enforce."""
    if len(raw) < _BODY:
        raise Violation("A-ASSOCIATE-RQ cut short")
    if not struct.unpack_from(">H", raw, 6)[0] & 1:
        raise Rejected(VERSION_REFUSED, "protocol version")
    application, users = b"", 0
    context_ids: set[int] = set()
    for kind, start, end in _items(raw, _BODY, len(raw)):
        if kind == 0x10:
            application = raw[start:end].rstrip(b"\0 ")
        elif kind == 0x20:
            _check_context(raw, start, end, context_ids)
        elif kind == 0x50:
            users += 1
            for sub, first, last in _items(raw, start, end):
                if sub == 0x58:
                    _check_identity(raw[first:last])
    if application != _APPLICATION_CONTEXT.encode():
        raise Rejected(APPLICATION_CONTEXT_REFUSED, "unknown application context")
    if not context_ids or users != 1:
        raise Violation("A-ASSOCIATE-RQ lacks an item")


def _check_context(raw: bytes, start: int, end: int, seen: set[int]) -> None:
    """A presentation context item (PS3.8 9.3.2.2): an odd identifier of its own, one abstract syntax, any transfer."""
    if end - start < 4 or not raw[start] & 1 or raw[start] in seen:
        raise Violation("presentation context identifier")
    seen.add(raw[start])
    count = {0x30: 0, 0x40: 0}
    for kind, first, last in _items(raw, start + 4, end):
        if kind not in count or not _UID.fullmatch(raw[first:last]):
            raise Violation("presentation context item")
        count[kind] += 1
    if count[0x30] != 1 or not count[0x40]:
        raise Violation("presentation context without its syntaxes")


def _check_identity(raw: bytes) -> None:
    """A user identity item (PS3.7 D.3.3.7): its type and its lengths. Nobody is told apart by it."""
    if len(raw) < 6 or not 1 <= raw[0] <= 5:
        raise Violation("user identity")
    primary = int.from_bytes(raw[2:4], "big")
    if len(raw) < 6 + primary or len(raw) != 6 + primary + int.from_bytes(raw[4 + primary : 6 + primary], "big"):
        raise Violation("user identity")


def _items(raw: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Type, start and end of each item; their lengths must add up."""
    while at < end:
        if end - at < 4:
            raise Violation("item cut short")
        kind, _, length = struct.unpack_from(">BBH", raw, at)
        at += 4
        if length > end - at:
            raise Violation("item longer than what holds it")
        yield kind, at, at + length
        at += length
