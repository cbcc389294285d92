"""The PDU reader on bytes nobody planned: everything ends in PDUs or in an end, soon, and in bounded memory."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic

from hypothesis import given
from hypothesis import strategies as st

from dicomnode.dimse.normalized import Services
from dicomnode.dimse.transport.command import parse
from dicomnode.dimse.transport.negotiation import Negotiator, Rejected
from dicomnode.dimse.transport.pdu import Inbox, Kind, Violation
from dicomnode.dimse.transport.wire import Interrupted, Stream
from dicomnode.domain.identity import AETitle
from tests.peers.rude import associate, command

EVERY = tuple(Kind)
LONGEST = 4096
NEGOTIATOR = Negotiator(AETitle("DICOMNODE"), None, {}, LONGEST, Services())


@contextmanager
def inbox(*said: bytes) -> Iterator[Inbox]:
    """Bytes as a peer sends them that then goes away."""
    ours, theirs = socket.create_server(("127.0.0.1", 0)), None
    try:
        theirs = socket.create_connection(ours.getsockname())
        here, _ = ours.accept()
        with here:
            for part in said:
                theirs.sendall(part)
            theirs.shutdown(socket.SHUT_WR)
            yield Inbox(Stream(here), 2.0)
    finally:
        ours.close()
        if theirs is not None:
            theirs.close()


def pdus(box: Inbox) -> Iterator[tuple[Kind, bytes]]:
    while True:
        kind, start, end = box.next(EVERY, LONGEST, monotonic() + 2.0)
        yield kind, box.content(start, end)


@given(st.lists(st.tuples(st.sampled_from([Kind.ASSOCIATE_RQ, Kind.P_DATA]), st.binary(max_size=600)), max_size=6))
def test_pdus_arrive_as_they_were_sent(sent: list[tuple[Kind, bytes]]) -> None:
    heard: list[tuple[Kind, bytes]] = []
    said = [struct.pack(">BBL", kind, 0, len(body)) + body for kind, body in sent]
    with inbox(*said) as box, suppress(Interrupted):
        heard.extend(pdus(box))
    assert heard == sent


@given(st.binary(max_size=300))
def test_any_bytes_come_to_an_end(said: bytes) -> None:
    with inbox(said) as box:
        try:
            for kind, body in pdus(box):
                assert len(body) <= LONGEST
                if kind is Kind.P_DATA:
                    list(box.fragments(0, 0))
        except Interrupted:
            pass


@given(st.binary(max_size=200))
def test_any_command_set_is_read_or_refused(raw: bytes) -> None:
    with suppress(Violation):
        parse(raw)


@given(st.integers(0, 200), st.integers(0, 255))
def test_a_changed_command_set_is_read_or_refused(at: int, value: int) -> None:
    changed = bytearray(command(1, instance="1.2.3.4"))
    changed[at % len(changed)] = value
    with suppress(Violation):
        parse(bytes(changed))


@given(st.data())
def test_a_changed_request_is_answered_or_refused(data: st.DataObject) -> None:
    changed = bytearray(associate())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(6, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Rejected, Violation):
        assert NEGOTIATOR.negotiate(bytes(changed), "").accept[0] == 2


@given(st.binary(max_size=400))
def test_a_request_of_any_bytes_is_refused(body: bytes) -> None:
    with suppress(Rejected, Violation):
        NEGOTIATOR.negotiate(associate()[:74] + body, "")
