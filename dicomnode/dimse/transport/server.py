"""The listening socket: it accepts and starts a thread; everything that may take time happens there."""

from __future__ import annotations

import errno
import logging
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Final, Protocol

from dicomnode.dimse.transport.budgets import Budgets, Guest

logger = logging.getLogger(__name__)

BACKLOG: Final = 512
"""Connections the kernel keeps for us; what does not fit waits a second or more to be asked again."""

_SPENT: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_PAUSE_S: Final = 0.05


class Visitor(Guest, Protocol):
    """A connection that was taken."""

    def run(self) -> None:
        """Serve it until it is over."""

    def close(self) -> None:
        """Let go of the socket, without a word."""


class Server:
    """Takes connections from one address, each into its own thread.

    Parameters
    ----------
    welcome : callable
        Makes a visitor of a connected socket and the address it comes from, or raises OSError.
    budgets : Budgets
        Says whether there is a place.

    Raises
    ------
    OSError
        When the address cannot be listened on.
    """

    def __init__(
        self, host: str, port: int, welcome: Callable[[socket.socket, str], Visitor], budgets: Budgets
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self._listener.setblocking(False)
        self._welcome = welcome
        self._budgets = budgets
        self._stopping = False
        self._thread = threading.Thread(target=self._accept_all, name="dicom listener", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._port)

    def start(self) -> None:
        """Take connections from now on; returns at once."""
        self._port = self._listener.getsockname()[1]
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Take no more, abort what is idle, let messages on their way finish for some seconds."""
        self._stopping = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for connections
        self._thread.join()
        self._listener.close()
        end = monotonic() + seconds
        while (guests := self._budgets.guests()) and monotonic() < end:
            for guest in guests:
                guest.stop()
            sleep(_PAUSE_S)
        for guest in guests:
            guest.give_way()

    def _accept_all(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        while not self._stopping:
            poll.poll()
            try:
                accepted, address = self._listener.accept()
            except OSError as error:
                if error.errno in _SPENT:
                    logger.error("no connection can be taken: %s", error.strerror)
                    sleep(_PAUSE_S)
                continue
            self._begin(accepted, address[0])

    def _begin(self, accepted: socket.socket, address: str) -> None:
        try:
            visitor = self._welcome(accepted, address)
        except OSError:  # gone before it could be looked at
            accepted.close()
            return
        if not self._budgets.enter(visitor):
            logger.warning("connection from %s closed: no place", address)
            visitor.close()
            return
        try:
            threading.Thread(target=visitor.run, name="dicom association", daemon=True).start()
        except RuntimeError:  # the system has no thread to give
            logger.error("no thread for a connection")
            self._budgets.leave(visitor)
            visitor.close()
