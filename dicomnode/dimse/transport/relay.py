"""Connections that processes of our own serve: here they are accepted and counted, and answered what only we can."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection as Line
from typing import Any, Final

from dicomnode.dimse.normalized import Asked, Services
from dicomnode.dimse.transport.budgets import Budgets
from dicomnode.errors import SettingsError, Stopped

logger = logging.getLogger(__name__)

LONGEST_NOTE: Final = 1 << 16
STOP: Final = b"stop"

Start = Callable[[socket.socket], "subprocess.Popen[bytes]"]
"""Starts a process that serves what comes by the other end of a socket (`station.Station`) until that is closed."""
Noted = Callable[..., None]
"""Told what a receiving process notes: a word, and what belongs to it."""

_END_S: Final = 5.0
_AGAIN_S: Final = 1.0


class Relay:
    """The receiving processes: each connection goes to the one with the fewest.

    A process that dies takes its connections along, and nothing else: their senders have no answer, what was
    acknowledged is safe, and another process takes its place.
    """

    def __init__(self, start: Start, processes: int, budgets: Budgets, services: Services, noted: Noted) -> None:
        self._start = start
        self._processes = processes
        self._budgets = budgets
        self._services = services
        self._noted = noted
        self._lock = threading.Lock()
        self._all: list[_Process] = []
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the processes; returns when all can be handed connections.

        Raises
        ------
        SettingsError
            When one does not come up.
        """
        begun = [self._begin() for _ in range(self._processes)]
        if not all(process.hear() for process in begun):
            self.stop()
            raise SettingsError("dicom.processes: a receiving process did not come up; it said why before this")
        for process in begun:
            self._use(process)

    def stop(self) -> None:
        """End the processes at once; no guest is here any more."""
        self._stopping.set()
        with self._lock:
            here, self._all = self._all, []
        for process in here:
            process.end()

    def welcome(self, accepted: socket.socket, address: str) -> Relayed:
        """A guest for a connection that was accepted."""
        return Relayed(self, accepted, address, self._budgets, self._services)

    def hand_over(self, accepted: socket.socket, address: str) -> tuple[_Process, Line]:
        """Give a connection away; by the line, whoever serves it asks and we answer.

        Raises
        ------
        OSError
            When there is no process to take it.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            for process in sorted((one for one in self._all if one.ready), key=lambda one: one.guests):
                with suppress(OSError):  # it has just died, or takes nothing any more
                    process.take([address.encode()], [accepted.fileno(), theirs.fileno()])
                    process.guests += 1
                    return process, Line(ours.detach())
        ours.close()
        raise BrokenPipeError("no receiving process is there")

    def left(self, process: _Process) -> None:
        """One guest less."""
        with self._lock:
            process.guests -= 1

    def _begin(self) -> _Process:
        with self._lock:
            if self._stopping.is_set():
                raise Stopped("the node is stopping")
            ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            with theirs:
                process = _Process(ours, self._start(theirs), self._core())
            self._all.append(process)
        return process

    def _core(self) -> int:
        """The one with the fewest processes."""
        taken = Counter(process.core for process in self._all)
        return min(sorted(os.sched_getaffinity(0)), key=lambda core: taken[core])

    def _use(self, process: _Process) -> None:
        process.ready = True
        threading.Thread(target=self._listen, args=(process,), name="receiving process", daemon=True).start()

    def _listen(self, process: _Process) -> None:
        """Hear what a process notes, and replace it when it is gone."""
        while note := process.hear():
            for word, *what in json.loads(note):
                self._noted(word, *what)
        with suppress(Stopped):
            self._use(self._replaced(process))

    def _replaced(self, process: _Process) -> _Process:
        while True:
            process.ready = False
            process.end()
            with self._lock:
                if process in self._all:
                    self._all.remove(process)
            if not self._stopping.is_set():
                logger.error("a receiving process has died and is started again")
            process = self._begin()
            if process.hear():
                return process
            self._stopping.wait(_AGAIN_S)


class _Process:
    """One receiving process, from outside.

    It keeps to one core: its threads share one interpreter, and handing that on to a thread on another core costs more
    than the other core gains.
    """

    def __init__(self, control: socket.socket, process: subprocess.Popen[bytes], core: int) -> None:
        self.core = core
        with suppress(OSError):  # it has ended already; whoever listens to it will see
            os.sched_setaffinity(process.pid, {core})
        self._control = control
        self.ready = False
        self.guests = 0
        self._process = process

    def take(self, said: list[bytes], descriptors: list[int]) -> None:
        """Hand something to it; this never waits.

        Raises
        ------
        OSError
            When it does not take it now.
        """
        socket.send_fds(self._control, said, descriptors, socket.MSG_DONTWAIT)

    def hear(self) -> bytes:
        """What it notes next; nothing when it is gone."""
        try:
            return self._control.recv(LONGEST_NOTE)
        except OSError:
            return b""

    def end(self) -> None:
        """Hang up, upon which it ends."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # wakes the thread that listens
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._process.kill()
        self._process.wait()
        self._control.close()


class Relayed:
    """A connection that a receiving process serves, as far as its place here is concerned."""

    def __init__(
        self, relay: Relay, accepted: socket.socket, address: str, budgets: Budgets, services: Services
    ) -> None:
        self.address = address
        self._relay = relay
        self._accepted = accepted
        self._budgets = budgets
        self._services = services
        self._process: _Process | None = None

    def run(self) -> None:
        """Answer what its server asks of us, until the connection or the process that serves it is over."""
        try:
            self._process, line = self._relay.hand_over(self._accepted, self.address)
            with line:
                while True:
                    line.send(self._answer(*line.recv()))
        except EOFError:
            pass  # it is over
        except OSError as error:
            logger.error("a connection was not served: %s", error.strerror or error)
        finally:
            self._budgets.leave(self)
            self.close()
            if self._process is not None:
                self._relay.left(self._process)

    def give_way(self) -> None:
        """Leave: somebody else needs the place. Its server finds the peer gone."""
        with suppress(OSError):
            self._accepted.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Leave after the message that is on its way, if there is one."""
        if self._process is not None:
            with suppress(OSError):  # gone, and its connections with it
                self._process.take([STOP], [])

    def close(self) -> None:
        """Let go of the socket; whoever serves it has its own hold on it."""
        self._accepted.close()

    def _answer(self, question: str, what: Any) -> Any:
        if question == "establish":
            return self._budgets.establish(self, what)
        asked: Asked = what
        return self._services.answer(asked)
