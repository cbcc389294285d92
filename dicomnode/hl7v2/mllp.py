"""MLLP, the lower layer of HL7 v2: a listener that answers every message, a sender that reads the answer."""

from __future__ import annotations

import logging
import socket
import socketserver
import threading
from collections.abc import Callable
from time import monotonic

from dicomnode.errors import NotUnderstood, Refused, Unreachable
from dicomnode.hl7v2.reading import Message, parsed

log = logging.getLogger(__name__)

_BEGIN, _END = b"\x0b", b"\x1c\x0d"
_LARGEST = 1 << 20
_MESSAGE_S = 30.0
_IDLE_S = 600.0
_MOST_CONNECTIONS = 16

Taker = Callable[[Message], None]
"""Takes a message for good, or raises :class:`NotUnderstood`; anything else it raises is answered as "try again"."""


class Listener:
    """Answers HL7 messages on a port: AA when taken, AR when not understood, AE when the sender shall try again."""

    def __init__(self, host: str, port: int, take: Taker, senders: tuple[str, ...]) -> None:
        """Listen.

        Parameters
        ----------
        senders : tuple of str
            Addresses that may send; a connection of any other is closed unheard.
        """
        places = threading.BoundedSemaphore(_MOST_CONNECTIONS)

        class Conversation(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                if self.client_address[0] not in senders:
                    log.warning("an HL7 sender is not known", extra={"address": self.client_address[0]})
                elif places.acquire(blocking=False):
                    try:
                        _converse(self.request, take)
                    finally:
                        places.release()

        self._server = socketserver.ThreadingTCPServer((host, port), Conversation)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="hl7", args=(0.1,))
        self._thread.start()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def stop(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(host: str, port: int, message: str, timeout: float = 20.0) -> None:
    """Send one message and wait until it is accepted.

    Raises
    ------
    Unreachable
        When no connection comes about, or no answer in time.
    Refused
        When it is answered with anything but AA or CA.
    """
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.sendall(_BEGIN + message.encode() + _END)
            answer = _read(connection, bytearray(), timeout)
    except OSError as error:
        raise Unreachable(f"HL7 receiver {host}:{port}: {type(error).__name__}") from error
    if answer is None:
        raise Unreachable(f"HL7 receiver {host}:{port} hung up without an answer")
    try:
        (acknowledgement,) = [str(one[1]) for one in parsed(answer) if str(one[0]) == "MSA"]
    except (NotUnderstood, ValueError) as error:
        raise Refused(f"HL7 receiver {host}:{port}: its answer is no acknowledgement") from error
    if acknowledgement not in ("AA", "CA"):
        raise Refused(f"HL7 receiver {host}:{port} answered {acknowledgement}")


def _converse(connection: socket.socket, take: Taker) -> None:
    kept = bytearray()
    while True:
        try:
            text = _read(connection, kept, _MESSAGE_S)
        except (OSError, NotUnderstood):
            return  # what is no MLLP gets no answer: nobody could read it
        if text is None:
            return
        try:
            message = parsed(text)
        except NotUnderstood:
            log.warning("an HL7 message was not understood")
            return
        connection.sendall(_BEGIN + str(message.create_ack(_taken(message, take))).encode() + _END)


def _taken(message: Message, take: Taker) -> str:
    try:
        take(message)
    except NotUnderstood as error:
        log.warning("an HL7 message was refused", extra={"problem": str(error)})
        return "AR"
    except Exception:  # the last border: the sender keeps the message and tries again
        log.exception("an HL7 message was not kept")
        return "AE"
    return "AA"


def _read(connection: socket.socket, kept: bytearray, seconds: float) -> str | None:
    """The next message; None when the peer hung up between two. ``kept`` holds what came after the last one."""
    connection.settimeout(_IDLE_S if not kept else seconds)
    deadline = None
    while (end := kept.find(_END)) < 0:
        if len(kept) > _LARGEST:
            raise NotUnderstood("an HL7 message is too long")
        part = connection.recv(1 << 16)
        if not part:
            return None
        kept += part
        deadline = deadline or monotonic() + seconds
        if monotonic() > deadline:
            raise TimeoutError
        connection.settimeout(max(0.1, deadline - monotonic()))
    begin = kept.find(_BEGIN, 0, end)
    if begin < 0:
        raise NotUnderstood("an HL7 message does not begin")
    text = bytes(kept[begin + 1 : end]).decode(errors="replace")
    del kept[: end + len(_END)]
    return text
