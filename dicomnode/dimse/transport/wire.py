"""Bytes from and to one peer. Every wait has an absolute deadline; nothing is read before it is allowed."""

from __future__ import annotations

import select
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from time import monotonic
from typing import Final, TypeVar

_TIMEVAL: Final = struct.Struct("ll").pack
_MICROSECONDS: Final = 1_000_000
_HIGHEST_MARK: Final = 1 << 15  # well below any receive window: a sender must never wait for us to read, and we for it
_LINGER_S: Final = 0.5
_MOST_READS_WHILE_LINGERING: Final = 64

_Done = TypeVar("_Done")


class Interrupted(Exception):
    """The connection is over before the message is."""


class Gone(Interrupted):
    """The peer went away."""


class Late(Interrupted):
    """A deadline passed."""


class Stream:
    """A plain TCP peer. Its thread sleeps until enough bytes for one step are there, or the deadline is.

    SO_RCVLOWAT makes one wake-up do for a whole PDU, SO_RCVTIMEO carries the deadline, and TCP_QUICKACK, which is not
    sticky and so set before each wait, keeps a sender that uses Nagle's algorithm from waiting for a delayed ACK.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._low = 1
        connected.setblocking(True)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def open(self, deadline: float) -> None:
        """Whatever must happen before the first PDU.

        Raises
        ------
        Gone, Late
        """

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the peer's certificate; empty without TLS."""
        return ""

    def receive(self, view: memoryview, least: int, deadline: float) -> int:
        """Put at least `least` bytes into view, and more if they are there already.

        Raises
        ------
        Gone, Late
        """
        got = 0
        while got < least:
            self._expect(least - got, deadline)
            try:
                count = self._socket.recv_into(view[got:])
            except BlockingIOError:
                continue
            except OSError as error:
                raise Gone("connection reset") from error
            if not count:
                raise Gone("connection closed")
            got += count
        return got

    def send(self, data: bytes, deadline: float) -> None:
        """Let all of it leave.

        Raises
        ------
        Gone, Late
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._socket.send(rest, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)
            except OSError as error:
                raise Gone("connection reset") from error

    def wake(self, how: int) -> None:
        """From another thread: let the one that sleeps here find the peer gone."""
        # Never SSLSocket.shutdown: it takes the TLS layer away under a thread that may still write, now in clear.
        with suppress(OSError):
            socket.socket.shutdown(self._socket, how)

    def linger(self) -> None:
        """Let our last PDU arrive: a close with bytes unread would reset it away."""
        deadline, sink = monotonic() + _LINGER_S, bytearray(1 << 16)
        with suppress(OSError, Late):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            for _ in range(_MOST_READS_WHILE_LINGERING):
                self._wait(select.POLLIN, deadline)
                if not socket.socket.recv_into(self._socket, sink, 0, socket.MSG_DONTWAIT):
                    return

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _expect(self, count: int, deadline: float) -> None:
        left = deadline - monotonic()
        if left <= 0:
            raise Late("too slow")
        connected = self._socket
        try:
            timeout = _TIMEVAL(int(left), int(left % 1 * _MICROSECONDS) or 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            low = min(count, _HIGHEST_MARK)
            if low != self._low:
                self._low = low
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low)
        except OSError as error:
            raise Gone("connection reset") from error

    def _wait(self, event: int, deadline: float) -> None:
        left = deadline - monotonic()
        poll = select.poll()
        poll.register(self._socket, event)
        if left <= 0 or not poll.poll(left * 1000):
            raise Late("too slow")


class TLSStream(Stream):
    """The same over TLS; the handshake too runs in the connection's own thread, under a deadline."""

    def __init__(self, connected: socket.socket, context: ssl.SSLContext) -> None:
        super().__init__(connected)
        connected.setblocking(False)
        self._tls = context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
        self._socket = self._tls

    def open(self, deadline: float) -> None:
        """Shake hands.

        Raises
        ------
        Gone, Late
        """
        try:
            self._until(self._tls.do_handshake, deadline)
        except OSError as error:  # ssl.SSLError is one
            raise Gone("no TLS handshake") from error

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the peer's certificate."""
        return sha256(self._tls.getpeercert(binary_form=True) or b"").hexdigest()

    def receive(self, view: memoryview, least: int, deadline: float) -> int:
        """Put at least `least` bytes into view.

        Raises
        ------
        Gone, Late
        """
        got = 0
        while got < least:
            if monotonic() > deadline:
                raise Late("too slow")
            try:
                count = self._until(partial(self._tls.recv_into, view[got:]), deadline)
            except OSError as error:
                raise Gone("connection reset") from error
            if not count:
                raise Gone("connection closed")
            got += count
        return got

    def send(self, data: bytes, deadline: float) -> None:
        """Let all of it leave.

        Raises
        ------
        Gone, Late
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._until(partial(self._tls.send, rest), deadline) :]
            except OSError as error:
                raise Gone("connection reset") from error

    def _until(self, step: Callable[[], _Done], deadline: float) -> _Done:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline)
