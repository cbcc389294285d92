"""Our storing side against providers that break the protocol: each ends in a named error, soon."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.presentation import PresentationContext

from dicomnode.dimse.scu import Outgoing, outgoing, send
from dicomnode.dimse.transport.command import parse, response
from dicomnode.errors import Unreachable
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders
from tests.peers.rude import ABORT, RELEASE, command, pdu, values

US = DicomSettings(aet="DICOMNODE")
Script = Callable[[socket.socket], None]


@pytest.fixture
def image(tmp_path: Path) -> Outgoing:
    return outgoing(builders.mr_series(tmp_path / "series", geometry=builders.grid((1, 64, 64)))[0])


@pytest.fixture
def provider() -> Iterator[Callable[[Script], PeerSettings]]:
    """Listen once and follow a script."""
    threads: list[threading.Thread] = []

    def start(script: Script) -> PeerSettings:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with listener, listener.accept()[0] as connection:
                connection.settimeout(10)
                script(connection)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return PeerSettings(name="pacs", aet="PACS", port=listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join()


def hear(connection: socket.socket) -> tuple[int, bytes]:
    header = connection.recv(6, socket.MSG_WAITALL)
    if len(header) < 6:
        return 0, b""
    return header[0], connection.recv(int.from_bytes(header[2:], "big"), socket.MSG_WAITALL)


def accept(connection: socket.socket, longest: int = 16384, *, result: int = 0) -> None:
    """A-ASSOCIATE-AC for every context proposed."""
    kind, body = hear(connection)
    assert kind == 1
    request = A_ASSOCIATE_RQ()
    request.decode(pdu(1, body))
    primitive = request.to_primitive()
    results = []
    for proposed in primitive.presentation_context_definition_list:
        context = PresentationContext()
        context.context_id, context.result = proposed.context_id, result
        context.transfer_syntax = [proposed.transfer_syntax[0]]
        results.append(context)
    primitive.presentation_context_definition_results_list = results
    primitive.result, primitive.result_source = 0, 1
    primitive.user_information[0].maximum_length_received = longest
    connection.sendall(A_ASSOCIATE_AC(primitive).encode())


def take(connection: socket.socket) -> tuple[bytes, bytes, list[int]]:
    """Command, data set and PDU lengths of one C-STORE."""
    parts, lengths = {1: b"", 0: b""}, []
    while True:
        kind, body = hear(connection)
        if kind != 4:
            return parts[1], parts[0], lengths
        lengths.append(len(body))
        parts[body[5] & 1] += body[6:]
        if body[5] == 2:
            return parts[1], parts[0], lengths


@pytest.mark.parametrize("longest", [128, 4096, 0])
def test_no_pdu_is_longer_than_the_peer_takes(
    provider: Callable[[Script], PeerSettings], image: Outgoing, longest: int
) -> None:
    got: list[tuple[bytes, bytes, list[int]]] = []

    def script(connection: socket.socket) -> None:
        accept(connection, longest)
        got.append(take(connection))
        connection.sendall(response(parse(got[0][0]), 1, 0xB000, "coerced"))
        assert hear(connection)[0] == 5
        connection.sendall(struct.pack(">BBLL", 6, 0, 4, 0))

    (sent,) = send(provider(script), US, [image], timeout=10)
    assert (sent.status, sent.text) == (0xB000, "Warning B000: coerced")
    ((_, data_set, lengths),) = got
    assert data_set == image.path.read_bytes()[image.offset :]
    assert max(lengths) <= (longest or 1 << 17)


ANSWERS = {
    "abort": ABORT,
    "release": RELEASE,
    "no PDU": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "endless PDU": struct.pack(">BBL", 4, 0, 0xFFFFFFF0),
    "half a command": values(1, 3, command(0x8001, instance="1.2")[:30]),
    "other message": response(replace(parse(command(1, instance="1.2")), message_id=99), 1, 0),
    "a request": values(1, 3, command(1, instance="1.2")),
    "a data set": values(1, 2, bytes(20)),
    "endless command": values(1, 1, bytes(16000)) * 3,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_is_no_answer_is_no_success(
    provider: Callable[[Script], PeerSettings], image: Outgoing, answer: bytes
) -> None:
    def script(connection: socket.socket) -> None:
        accept(connection)
        take(connection)
        connection.sendall(answer)
        while connection.recv(1 << 16):
            pass

    with pytest.raises(Unreachable, match="without an answer"):
        list(send(provider(script), US, [image], timeout=10))


def test_a_reset_after_the_last_fragment_is_no_answer(
    provider: Callable[[Script], PeerSettings], image: Outgoing
) -> None:
    def script(connection: socket.socket) -> None:
        accept(connection)
        take(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with pytest.raises(Unreachable, match="without an answer"):
        list(send(provider(script), US, [image], timeout=10))


@pytest.mark.parametrize("said", [b"", pdu(2, bytes(10)), pdu(2, bytes(100)), ABORT, pdu(9, b"")], ids=repr)
def test_what_is_no_acceptance_is_none(
    provider: Callable[[Script], PeerSettings], image: Outgoing, said: bytes
) -> None:
    def script(connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(said)

    with pytest.raises(Unreachable):
        list(send(provider(script), US, [image], timeout=10))


def test_contexts_refused_one_by_one_are_no_reason_to_try_again(
    provider: Callable[[Script], PeerSettings], image: Outgoing
) -> None:
    (sent,) = send(provider(lambda connection: accept(connection, result=3)), US, [image], timeout=10)
    assert sent.status is None


def test_silence_ends_with_the_deadline(provider: Callable[[Script], PeerSettings], image: Outgoing) -> None:
    over = threading.Event()

    def script(connection: socket.socket) -> None:
        accept(connection)
        over.wait(20)

    begun = time.monotonic()
    with pytest.raises(Unreachable, match=r"0\.5 s passed"):
        list(send(provider(script), US, [image], timeout=0.5))
    over.set()
    assert time.monotonic() - begun < 5
