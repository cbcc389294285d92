"""A real listener and a real sender: every message is answered, nobody else is heard."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from dicomnode.errors import NotUnderstood, Refused, Unreachable
from dicomnode.hl7v2.mllp import Listener, send
from dicomnode.hl7v2.reading import Message
from tests.peers.tools import free_port

MESSAGE = "MSH|^~\\&|LAB|HOSP|NODE|HOSP|20261121101500||ORU^R01|M1|P|2.5.1\rPID|1||P1"


@pytest.fixture
def listen() -> Iterator[Callable[..., int]]:
    listeners: list[Listener] = []

    def made(take: Callable[[Message], None], senders: tuple[str, ...] = ("127.0.0.1",)) -> int:
        listeners.append(Listener("127.0.0.1", 0, take, senders))
        return listeners[-1].port

    yield made
    for listener in listeners:
        listener.stop()


def test_a_message_that_was_taken_is_accepted(listen: Callable[..., int]) -> None:
    heard: list[str] = []
    port = listen(lambda message: heard.append(str(message)))
    send("127.0.0.1", port, MESSAGE)
    send("127.0.0.1", port, MESSAGE)
    assert [text.strip() for text in heard] == [MESSAGE, MESSAGE]


@pytest.mark.parametrize(("error", "answer"), [(NotUnderstood("of nobody"), "AR"), (OSError("disk full"), "AE")])
def test_a_message_that_was_not_taken_is_not_accepted(
    listen: Callable[..., int], error: Exception, answer: str
) -> None:
    def take(_: Message) -> None:
        raise error

    with pytest.raises(Refused, match=f"answered {answer}"):
        send("127.0.0.1", listen(take), MESSAGE)


def test_several_messages_in_pieces_on_one_connection_are_each_answered(listen: Callable[..., int]) -> None:
    heard: list[str] = []
    port = listen(lambda message: heard.append(str(message)))
    framed = b"\x0b" + MESSAGE.encode() + b"\x1c\x0d"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(framed[:20])
        connection.sendall(framed[20:] + framed)
        answers = b""
        while answers.count(b"MSA|AA|M1") < 2:
            answers += connection.recv(4096)
    assert len(heard) == 2


def test_a_stranger_is_not_heard(listen: Callable[..., int]) -> None:
    heard: list[str] = []
    port = listen(lambda message: heard.append(str(message)), ("192.0.2.1",))
    with pytest.raises(Unreachable):
        send("127.0.0.1", port, MESSAGE)
    assert heard == []


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n\x1c\r", b"\x0bno message\x1c\r"])
def test_what_is_no_hl7_is_hung_up_on(listen: Callable[..., int], noise: bytes) -> None:
    heard: list[str] = []
    port = listen(lambda message: heard.append(str(message)))
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(noise)
        assert connection.recv(100) == b""
    assert heard == []


def test_a_receiver_that_is_not_there_is_named() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"HL7 receiver 127.0.0.1:{port}: ConnectionRefusedError"):
        send("127.0.0.1", port, MESSAGE)
