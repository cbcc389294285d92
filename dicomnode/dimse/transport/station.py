"""What a receiving process does: it serves the connections that the node hands to it."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection as Line
from queue import SimpleQueue
from typing import Any

from dicomnode.dimse.normalized import Asked
from dicomnode.dimse.storing import Answer
from dicomnode.dimse.transport.budgets import Guest
from dicomnode.dimse.transport.connection import Connection, Rules
from dicomnode.dimse.transport.relay import STOP
from dicomnode.dimse.transport.wire import Gone, Stream

logger = logging.getLogger(__name__)

_LONGEST_ADDRESS = 256
_GATHERED_S = 0.1
_MOST_NOTES = 256


class Station:
    """Serves until the node hangs up; then the process is to end, whatever its connections do.

    Parameters
    ----------
    control : socket.socket
        By which the node hands over connections, and hears what is noted.
    rules : Rules
        What all connections share, but for the budgets and services: those are the node's.
    streams : callable
        Makes a stream of a connected socket.
    """

    def __init__(self, control: socket.socket, rules: Rules, streams: Callable[[socket.socket], Stream]) -> None:
        self._control = control
        self._rules = rules
        self._streams = streams
        self._here: set[Guest] = set()
        self._lock = threading.Lock()

    def serve(self) -> None:
        """Take connections until the node is gone."""
        with suppress(OSError):  # a node that is gone already is noticed below
            self._control.send(b"ready")
        while True:
            said, descriptors, *_ = socket.recv_fds(self._control, _LONGEST_ADDRESS, 2, socket.MSG_CMSG_CLOEXEC)
            if not said:
                return
            if said == STOP:
                self._stop()
            else:
                self._begin(said.decode(), *descriptors)

    def _begin(self, address: str, connected: int, line: int) -> None:
        node = _Node(Line(line), self._left)
        accepted = socket.socket(fileno=connected)
        try:
            stream = self._streams(accepted)
        except OSError:  # gone before it could be looked at
            accepted.close()
            node.hang_up()
            return
        connection = Connection(stream, address, replace(self._rules, budgets=node, services=node))
        with self._lock:
            self._here.add(connection)
        try:
            threading.Thread(target=connection.run, name="dicom association", daemon=True).start()
        except RuntimeError:  # the system has no thread to give
            logger.error("no thread for a connection")
            node.leave(connection)
            connection.close()

    def _left(self, guest: Guest) -> None:
        with self._lock:
            self._here.discard(guest)

    def _stop(self) -> None:
        with self._lock:
            here = list(self._here)
        for connection in here:
            connection.stop()


class _Node:
    """What one connection asks of the node: a place among all associations, and every service but storing."""

    def __init__(self, line: Line, left: Callable[[Guest], None]) -> None:
        self._line = line
        self._left = left

    def establish(self, guest: Guest, title: str) -> bool:
        """Let a connection become an association, if there is a place."""
        del guest  # the line stands for it
        return bool(self._ask("establish", title))

    def leave(self, guest: Guest) -> None:
        """Take the place back."""
        self._left(guest)
        self.hang_up()

    def answer(self, asked: Asked) -> Answer:
        """Have a request answered."""
        answer: Answer = self._ask("answer", asked)
        return answer

    def hang_up(self) -> None:
        """Ask nothing more."""
        self._line.close()

    def _ask(self, question: str, what: Any) -> Any:
        try:
            self._line.send((question, what))
            return self._line.recv()
        except (EOFError, OSError) as error:
            raise Gone("the node is gone") from error


class Notes:
    """What the node is told in passing: gathered for a moment, so that not every instance wakes it.

    Parameters
    ----------
    control : socket.socket
        As of `Station`.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._gathered: SimpleQueue[tuple[str | int, ...]] = SimpleQueue()
        self._urgent = threading.Event()
        threading.Thread(target=self._tell, name="notes", daemon=True).start()

    def add(self, word: str, *what: str | int, urgent: bool = False) -> None:
        """Have the node note something soon, or at once with all that was noted before."""
        self._gathered.put((word, *what))
        if urgent:
            self._urgent.set()

    def _tell(self) -> None:
        while True:
            notes = [self._gathered.get()]
            self._urgent.wait(_GATHERED_S)
            self._urgent.clear()
            while len(notes) < _MOST_NOTES and not self._gathered.empty():
                notes.append(self._gathered.get())
            with suppress(OSError):  # when the node is gone, nobody needs to know
                self._control.send(json.dumps(notes).encode())
