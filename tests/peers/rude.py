"""A DICOM peer without manners: it says on the wire what no honest toolkit would (PS3.7, PS3.8)."""

from __future__ import annotations

import socket
import ssl
import struct
from types import TracebackType
from typing import Self

from tests.datasets import EXPLICIT_LITTLE, MR_IMAGE

VERIFICATION = "1.2.840.10008.1.1"
APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
RELEASE = struct.pack(">BBLL", 5, 0, 4, 0)
ABORT = struct.pack(">BBLL", 7, 0, 4, 0)
PDUS = {2: "accepted", 3: "rejected", 4: "data", 6: "released", 7: "aborted"}
CONTEXTS = ((1, MR_IMAGE, (EXPLICIT_LITTLE,)), (3, VERIFICATION, (EXPLICIT_LITTLE,)))


def pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBL", kind, 0, len(body)) + body


def item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def context(number: int, abstract: str, transfer: tuple[str, ...]) -> bytes:
    syntaxes = b"".join(item(0x40, uid.encode()) for uid in transfer)
    return item(0x20, bytes([number, 0, 0, 0]) + item(0x30, abstract.encode()) + syntaxes)


def associate(
    *,
    calling: str = "SCANNER",
    called: str = "DICOMNODE",
    contexts: bytes | None = None,
    application: str = APPLICATION_CONTEXT,
    version: int = 1,
    user: bytes = b"",
    max_pdu: int = 16384,
) -> bytes:
    """An A-ASSOCIATE-RQ."""
    if contexts is None:
        contexts = b"".join(context(*one) for one in CONTEXTS)
    information = item(0x51, struct.pack(">L", max_pdu)) + item(0x52, b"2.25.1") + user
    titles = called.encode("latin-1").ljust(16) + calling.encode("latin-1").ljust(16)
    items = item(0x10, application.encode()) + contexts + item(0x50, information)
    return pdu(1, struct.pack(">HH", version, 0) + titles + bytes(32) + items)


def values(number: int, control: int, content: bytes) -> bytes:
    """A P-DATA-TF with one value; control bit 0 says command, bit 1 says last."""
    return pdu(4, struct.pack(">LBB", len(content) + 2, number, control) + content)


def element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, number, len(value)) + value


def command(field: int, *, sop_class: str = MR_IMAGE, instance: str | None = None, data: bool = True) -> bytes:
    """A request's command set."""
    uids = [(0x0002, sop_class)] + ([(0x1000, instance)] if instance is not None else [])
    body = b"".join(element(number, uid.encode() + bytes(len(uid) % 2)) for number, uid in uids[:1])
    for number, value in ((0x0100, field), (0x0110, 1), (0x0700, 0), (0x0800, 0x0001 if data else 0x0101)):
        body += element(number, struct.pack("<H", value))
    body += b"".join(element(number, uid.encode() + bytes(len(uid) % 2)) for number, uid in uids[1:])
    return element(0x0000, struct.pack("<L", len(body))) + body


class RudePeer:
    """A connection."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def hear(self) -> tuple[str, bytes]:
        """Name and body of the next PDU; ``closed`` when the connection is."""
        try:
            header = self._exactly(6)
            return PDUS.get(header[0], "?"), self._exactly(int.from_bytes(header[2:], "big"))
        except (ConnectionError, EOFError, ssl.SSLError):
            return "closed", b""

    def associate(self, **request: object) -> None:
        self.send(associate(**request))  # type: ignore[arg-type]
        assert self.hear()[0] == "accepted"

    def status(self) -> int | str:
        """Of the next response, or what came in its place."""
        name, body = self.hear()
        if name != "data":
            return name
        at = 6
        while at < len(body):
            number, length = struct.unpack_from("<HL", body, at + 2)
            if number == 0x0900:
                return int.from_bytes(body[at + 8 : at + 10], "little")
            at += 8 + length
        return "no status"

    def store(self, instance: str, data_set: bytes, *, sop_class: str = MR_IMAGE, number: int = 1) -> int | str:
        self.send(values(number, 3, command(1, sop_class=sop_class, instance=instance)))
        for at in range(0, len(data_set), 16000):
            last = at + 16000 >= len(data_set)
            self.send(values(number, 2 if last else 0, data_set[at : at + 16000]))
        return self.status()

    def echo(self) -> int | str:
        self.send(values(3, 3, command(0x30, sop_class=VERIFICATION, data=False)))
        return self.status()

    def release(self) -> str:
        self.send(RELEASE)
        return self.hear()[0]

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            part = self.socket.recv(count - len(got))
            if not part:
                raise EOFError
            got += part
        return got
