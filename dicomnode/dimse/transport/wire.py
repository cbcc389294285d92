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
_WINDOW: Final = struct.Struct("=64xL16xL").unpack  # of struct tcp_info: tcpi_rcv_ssthresh, tcpi_advmss
_LONGEST_SLEEP_S: Final = 5.0
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

    The low-water mark leaves room for a whole segment in the receive window, else a sender might wait for us to make
    room, and we for bytes that it cannot send (silly window avoidance, RFC 1122 4.2.3.4): half a second for each image.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._low = 1
        self._timeout, self._highest = 0.0, 1
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
            try:
                count = self._read(view[got:], least - got, deadline)
            except OSError as error:
                raise Gone("connection reset") from error
            if not count:
                raise Gone("connection closed")
            got += count
        return got

    def send(self, data: bytes | bytearray, deadline: float) -> None:
        """Let all of it leave.

        Raises
        ------
        Gone, Late
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._write(rest, deadline) :]
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

    def _read(self, view: memoryview, least: int, deadline: float) -> int:
        while True:
            self._expect(least, deadline)
            with suppress(BlockingIOError):
                return self._socket.recv_into(view)

    def _write(self, rest: memoryview, deadline: float) -> int:
        while True:
            with suppress(BlockingIOError):
                return self._socket.send(rest, socket.MSG_DONTWAIT)
            self._wait(select.POLLOUT, deadline)

    def _expect(self, count: int, deadline: float) -> None:
        """Let the next read sleep until so many bytes are there, or it is time to look at the deadline again."""
        left = deadline - monotonic()
        if left <= 0:
            raise Late("too slow")
        timeout = min(left, _LONGEST_SLEEP_S)
        if timeout != self._timeout:
            self._timeout = timeout
            seconds = _TIMEVAL(int(timeout), int(timeout % 1 * _MICROSECONDS) or 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if count > self._highest:  # windows only grow
            window, segment = _WINDOW(self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 88))
            self._highest = max(1, window - segment)
        low = min(count, self._highest)
        if low != self._low:
            self._low = low
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, low)

    def _wait(self, event: int, deadline: float) -> None:
        left = deadline - monotonic()
        poll = select.poll()
        poll.register(self._socket, event)
        if left <= 0 or not poll.poll(left * 1000):
            raise Late("too slow")


class TLSStream(Stream):
    """The same over TLS; the handshake too runs in the connection's own thread, under a deadline.

    We are the server, unless the one that we have called is named.
    """

    def __init__(self, connected: socket.socket, context: ssl.SSLContext, server: str | None = None) -> None:
        super().__init__(connected)
        connected.setblocking(False)
        self._tls = context.wrap_socket(
            connected, server_side=server is None, do_handshake_on_connect=False, server_hostname=server
        )
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

    def _read(self, view: memoryview, least: int, deadline: float) -> int:
        del least  # nobody but TLS knows how many bytes it takes
        return self._until(partial(self._tls.recv_into, view), deadline)

    def _write(self, rest: memoryview, deadline: float) -> int:
        return self._until(partial(self._tls.send, rest), deadline)

    def _until(self, step: Callable[[], _Done], deadline: float) -> _Done:
        while True:
            if monotonic() > deadline:
                raise Late("too slow")
            try:
                return step()
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline)
