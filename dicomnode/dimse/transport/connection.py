"""One association in one thread: read a PDU, act on it, sleep until the next."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from dicomnode.dimse.contexts import VERIFICATION
from dicomnode.dimse.normalized import LONGEST, Asked
from dicomnode.dimse.storing import SUCCESS, Answer, Storing
from dicomnode.dimse.transport import command as commands
from dicomnode.dimse.transport import pdu
from dicomnode.dimse.transport.budgets import Places
from dicomnode.dimse.transport.command import Command
from dicomnode.dimse.transport.negotiation import FULL, LONGEST_REQUEST, Agreement, Context, Negotiator, Rejected
from dicomnode.dimse.transport.pdu import Fragment, Inbox, Kind, Reason, Violation
from dicomnode.dimse.transport.wire import Gone, Interrupted, Late, Stream
from dicomnode.domain.identity import SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.settings import LimitsSettings

logger = logging.getLogger(__name__)

PIECE: Final = 1 << 20
"""Bytes of a data set that are gathered before they are handed on; most instances are smaller."""

_ABORT_TIME: Final = 1.0


class Answers(Protocol):
    """Whoever serves what is not storing."""

    def answer(self, asked: Asked) -> Answer:
        """Serve a request, whatever becomes of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What all connections share."""

    limits: LimitsSettings
    max_pdu: int
    idle_time: float
    negotiator: Negotiator
    budgets: Places
    storing: Storing
    services: Answers


class Connection:
    """A peer, from its first byte to its last."""

    def __init__(self, stream: Stream, address: str, rules: Rules) -> None:
        self.address = address
        self._stream = stream
        self._rules = rules
        self._limits = rules.limits
        self._inbox = Inbox(stream, rules.limits.pdu_time)
        self._deadline: float | None = None  # of the message that is on its way
        self._stopping = False
        self._series: set[SeriesInstanceUID] = set()
        self._stored = self._refused = 0

    def run(self) -> None:
        """Serve until it is over, whatever ends it; the last border of this thread."""
        begun, state = monotonic(), "released"
        try:
            self._stream.open(monotonic() + self._limits.handshake_time)
            self._serve(self._associate())
        except Rejected as rejected:
            state = "rejected"
            logger.warning("association from %s rejected: %s", self.address, rejected)
        except Interrupted as interruption:
            state = f"{interruption}"
            self._abort(interruption)
        except Exception as error:  # noqa: BLE001 - the last border: one connection's fault must not show on the others
            state = "failed"
            logger.error("association from %s failed: %s", self.address, type(error).__name__)
            self._abort(Violation("failed", Reason.UNSPECIFIED))
        finally:
            self._rules.budgets.leave(self)
            self._stream.linger()
            self._stream.close()
        seconds = round(monotonic() - begun, 3)
        extra = {
            "address": self.address, "state": state, "stored": self._stored, "refused": self._refused,
            "seconds": seconds,
        }  # fmt: skip
        logger.info("association ended", extra=extra)

    def give_way(self) -> None:
        """Leave: somebody else needs the place. Called from another thread."""
        self._stream.wake(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Leave after the message that is on its way, if there is one. Called from another thread."""
        self._stopping = True
        if self._deadline is None:
            self._stream.wake(socket.SHUT_RD)

    def close(self) -> None:
        """Let go of the socket, without a word."""
        self._stream.close()

    def _associate(self) -> Agreement:
        deadline = monotonic() + self._limits.negotiation_time
        _, start, end = self._inbox.next((Kind.ASSOCIATE_RQ,), LONGEST_REQUEST, deadline, deadline)
        try:
            raw = self._inbox.content(start - 6, end)
            agreement = self._rules.negotiator.negotiate(raw, self._stream.fingerprint)
            if not self._rules.budgets.establish(self, agreement.calling_aet):
                raise Rejected(FULL, "too many associations")
        except Rejected as rejected:
            self._send(rejected.encode())
            raise
        self._send(agreement.accept)
        return agreement

    def _serve(self, agreement: Agreement) -> None:
        fragments = self._fragments(agreement)
        for context_id, command in self._requests(fragments):
            context = agreement.contexts[context_id]
            if command.field == commands.C_STORE and context.abstract_syntax != VERIFICATION:
                self._store(agreement, context_id, command, fragments)
                continue
            data_set = self._whole(context_id, fragments) if command.has_data_set else None
            self._deadline = None
            if command.field & commands.RESPONSE:
                raise Violation("a response without a request", Reason.UNEXPECTED_PDU)
            if command.field != commands.C_CANCEL:
                answer = self._answer(agreement, context, command, data_set)
                self._send(commands.response(command, context_id, answer.status, answer.comment))
        self._send(pdu.RELEASE_RP)
        self._rules.storing.released(agreement.calling_aet, frozenset(self._series))

    def _store(self, agreement: Agreement, context_id: int, command: Command, fragments: Iterator[Fragment]) -> None:
        if not command.sop_instance_uid:
            raise Violation("C-STORE without a SOP Instance UID")
        pieces = self._pieces(context_id, fragments) if command.has_data_set else iter(())
        context = agreement.contexts[context_id]
        answer = self._rules.storing.answer(
            Received(
                sop_class_uid=command.sop_class_uid,
                sop_instance_uid=command.sop_instance_uid,
                abstract_syntax=context.abstract_syntax,
                transfer_syntax_uid=context.transfer_syntax,
                data_set=pieces,
                calling_aet=agreement.calling_aet,
            )
        )
        for _ in pieces:
            pass  # what a refusal left unread
        self._deadline = None
        if answer.status == SUCCESS:
            self._stored += 1
        else:
            self._refused += 1
        if answer.series is not None:
            self._series.add(answer.series)
        self._send(commands.response(command, context_id, answer.status, answer.comment))

    def _answer(self, agreement: Agreement, context: Context, command: Command, data_set: bytes | None) -> Answer:
        """To a request that is no C-STORE: C-ECHO in its own context, or a normalized service."""
        if context.abstract_syntax == VERIFICATION:
            return Answer(status=_echo(command))
        return self._rules.services.answer(
            Asked(
                operation=command.field,
                sop_class_uid=command.sop_class_uid,
                sop_instance_uid=command.sop_instance_uid,
                event_type=command.event_type,
                abstract_syntax=context.abstract_syntax,
                transfer_syntax=context.transfer_syntax,
                data_set=data_set,
                calling_aet=agreement.calling_aet,
            )
        )

    def _whole(self, context_id: int, fragments: Iterator[Fragment]) -> bytes:
        """A data set that must be short."""
        whole = bytearray()
        for piece in self._pieces(context_id, fragments):
            whole += piece
            if len(whole) > LONGEST:
                raise Violation("data set too long")
        return bytes(whole)

    def _requests(self, fragments: Iterator[Fragment]) -> Iterator[tuple[int, Command]]:
        """Context and command of each message, until the release."""
        raw, of = b"", 0
        for fragment in fragments:
            if not fragment.command or (raw and fragment.context_id != of):
                raise Violation("data without a command", Reason.UNEXPECTED_PDU)
            raw, of = raw + self._inbox.content(fragment.start, fragment.end), fragment.context_id
            if len(raw) > commands.LONGEST:
                raise Violation("command set too long")
            if fragment.last:
                yield of, commands.parse(raw)
                raw = b""
                if self._stopping:
                    raise Violation("stopping", Reason.UNSPECIFIED)

    def _pieces(self, context_id: int, fragments: Iterator[Fragment]) -> Iterator[memoryview]:
        """The data set that follows a command, as it comes."""
        for fragment in fragments:
            if fragment.command or fragment.context_id != context_id:
                raise Violation("a command inside a data set", Reason.UNEXPECTED_PDU)
            self._inbox.gather(fragment.start, fragment.end)
            if self._deadline is not None:
                self._deadline += (fragment.end - fragment.start) / self._limits.slowest
            if fragment.last:
                yield self._inbox.piece()
                return
            if self._inbox.gathered >= PIECE:
                yield self._inbox.piece()

    def _fragments(self, agreement: Agreement) -> Generator[Fragment, None, None]:
        """Every presentation data value, until the release. A message has begun with its first."""
        allowed = (Kind.P_DATA, Kind.RELEASE_RQ, Kind.ABORT)
        while True:
            now = monotonic()
            begun_by = now + self._rules.idle_time
            if self._deadline is not None:
                begun_by = min(self._deadline, now + self._limits.pdu_time)
            kind, start, end = self._inbox.next(allowed, self._rules.max_pdu, begun_by)
            if kind is Kind.ABORT:
                raise Gone("aborted by the peer")
            if kind is Kind.RELEASE_RQ:
                if self._deadline is not None:
                    raise Violation("a release inside a message", Reason.UNEXPECTED_PDU)
                return
            for fragment in self._inbox.fragments(start, end):
                if fragment.context_id not in agreement.contexts:
                    raise Violation("presentation context not accepted")
                if self._deadline is None:
                    self._deadline = monotonic() + self._limits.message_time
                yield fragment

    def _send(self, data: bytes) -> None:
        self._stream.send(data, monotonic() + self._limits.pdu_time)

    def _abort(self, interruption: Interrupted) -> None:
        reason = interruption.reason if isinstance(interruption, Violation) else Reason.UNSPECIFIED
        with suppress(Gone, Late):
            self._stream.send(pdu.abort(reason), monotonic() + _ABORT_TIME)


def _echo(command: Command) -> int:
    if command.field != commands.C_ECHO:
        return commands.UNRECOGNIZED_OPERATION
    if command.sop_class_uid != VERIFICATION:
        return commands.NOT_THIS_CLASS
    return commands.MISTYPED_ARGUMENT if command.has_data_set else commands.SUCCESS
