"""Isolated calls: one that hangs, crashes or eats memory ends alone, with everything it started."""

from __future__ import annotations

import io
import logging
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from dicomnode import errors
from dicomnode.errors import DicomnodeError, PluginCrashed, PluginFailed, PluginTimedOut, Stopped

log = logging.getLogger(__name__)

Warm = tuple[str, str]
"""Entry point of a plugin's ``warm``, and its models as JSON: slot to model."""

_START_S = 120.0
"""The fork server loads its libraries before it takes the first call; torch needs seconds, on a cold disk many."""
_KILL_S = 5.0
# A thread of OpenMP that waits for another spins by default. Where other work takes the other's turn, it spins for that
# work's whole time slice: a network of 40 ms took up to 2 s.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call on this side."""

    channel: socket.socket
    """To the process that works: the request goes out, the answer comes back."""
    server: socket.socket
    """To the fork server: a byte when the process is there, its exit code when all is dead. Shut it down to kill."""
    answer: bytearray = field(default_factory=bytearray)


class Workers:
    """Calls functions, each in a process of its own, forked from a server that has the libraries loaded.

    A call costs a fork (milliseconds) and leaves nothing behind: no state, no memory, no process. When this process
    dies, however it dies, its calls die with it.
    """

    def __init__(
        self, *, processes: int, preload: Sequence[str] = (), warm: Sequence[Warm] = (), threads: int = 1
    ) -> None:
        """Start the fork server; it loads its libraries in the background.

        Parameters
        ----------
        processes : int
            Calls that run at the same time; more wait.
        preload : sequence of str
            Modules the fork server imports ahead of time, and functions it calls (``module:function``). None may
            touch CUDA or start a thread.
        warm : sequence of (entry point, models)
            Functions of plugins that load their models ahead of time, with the models as JSON.
        threads : int
            Threads that numerical libraries may use in each call.
        """
        self.threads = threads
        self._preload, self._warm = tuple(preload), tuple(warm)
        self._turns = threading.Semaphore(processes)
        self._stopping = threading.Event()
        self._starting = threading.Lock()
        self._server = _start(self._preload, self._warm, threads)

    def run(self, function: Callable[..., Any], *arguments: Any, timeout_s: float, memory_mib: int) -> Any:
        """Call a function in a process of its own and wait for it; nothing of the call is left when this returns.

        Parameters
        ----------
        function
            Found by its name over there, so a function of a module. It may return plain values, paths and values of
            ``dicomnode.domain``, nothing else.
        arguments
            Anything that can be pickled.

        Raises
        ------
        DicomnodeError
            What the function raised, if it is one of ours.
        PluginFailed
            When the function raised anything else.
        PluginTimedOut
            When it ran longer than ``timeout_s``.
        PluginCrashed
            When its process died.
        Stopped
            When :meth:`stop` was called meanwhile or before.
        """
        request = pickle.dumps((function, arguments, memory_mib))
        with self._turns:
            try:
                with self._call() as call:
                    exit_code = _converse(call, request, timeout_s)
            except (ConnectionError, TimeoutError) as error:
                if self._stopping.is_set():
                    raise Stopped("the node is stopping") from error
                raise PluginCrashed("its process died: the fork server is gone or does not answer") from error
        if not call.answer or exit_code != 0:
            raise PluginCrashed(_how(exit_code))
        return _value(bytes(call.answer))

    def stop(self) -> None:
        """Kill what runs; those who wait for it get :class:`Stopped`."""
        with self._starting:
            self._stopping.set()
            self._server.end()

    @contextmanager
    def _call(self) -> Iterator[Call]:
        channel, theirs = socket.socketpair()
        server, its = socket.socketpair(type=socket.SOCK_SEQPACKET)
        with channel, server:
            with theirs, its, self._starting:
                if self._stopping.is_set():
                    raise Stopped("the node is stopping")
                if not self._server.alive():
                    log.warning("the fork server has died and is started again")
                    self._server.end()
                    self._server = _start(self._preload, self._warm, self.threads)
                self._server.hand_over(theirs, its)
            yield Call(channel=channel, server=server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The running fork server."""

    process: subprocess.Popen[bytes]
    control: socket.socket

    def alive(self) -> bool:
        """Whether it can take a call."""
        return self.process.poll() is None

    def hand_over(self, *ends: socket.socket) -> None:
        """Give the far ends of a call's sockets to it."""
        socket.send_fds(self.control, [b"+"], [end.fileno() for end in ends])

    def end(self) -> None:
        """Hang up, upon which it kills what runs and ends."""
        self.control.close()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        self.process.kill()  # while it loads libraries it does not listen
        self.process.wait()


def _start(preload: Sequence[str], warm: Sequence[Warm], threads: int) -> Server:
    control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from dicomnode.execute.forkserver import main; main({theirs.fileno()}, {preload!r}, {warm!r})"
    )
    with theirs:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", code],
            env={**os.environ, **{name: str(threads) for name in _THREAD_VARIABLES}, "OMP_WAIT_POLICY": "PASSIVE"},
            stdin=subprocess.DEVNULL,
            stdout=2,  # what a plugin prints is a message, never output of the node
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    return Server(process=process, control=control)


def _converse(call: Call, request: bytes, timeout_s: float) -> int:
    """Send the request, gather the answer; returns the exit code once every process of the call is dead.

    Raises
    ------
    PluginTimedOut
        When it ran too long.
    ConnectionError, TimeoutError
        When the fork server is gone, or does not take the call.
    """
    _until(call, monotonic() + _START_S)
    with suppress(OSError):  # it died before it read the request: its exit code says why
        call.channel.sendall(request)
        call.channel.shutdown(socket.SHUT_WR)
    try:
        return int(_until(call, monotonic() + timeout_s))
    except TimeoutError as error:
        call.server.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError):  # not even SIGKILL ends a process that waits for a broken disk
            _until(call, monotonic() + _KILL_S)
        raise PluginTimedOut(f"it ran longer than {timeout_s:g} s and was killed") from error


def _until(call: Call, deadline: float) -> bytes:
    """What the fork server says next; meanwhile the answer is gathered, so that no long one blocks its sender."""
    poll = select.poll()
    poll.register(call.server, select.POLLIN)
    poll.register(call.channel, select.POLLIN)
    while (left := deadline - monotonic()) > 0:
        ready = [descriptor for descriptor, _ in poll.poll(left * 1000)]
        if call.channel.fileno() in ready and not _gather(call):
            poll.unregister(call.channel)
        if call.server.fileno() in ready:
            while _gather(call):
                pass
            if said := call.server.recv(16):
                return said
            raise ConnectionResetError
    raise TimeoutError


def _gather(call: Call) -> bool:
    """Take what has arrived of the answer; False when there is nothing, now or ever."""
    try:
        part = call.channel.recv(1 << 20, socket.MSG_DONTWAIT)
    except (BlockingIOError, ConnectionResetError):
        return False
    call.answer.extend(part)
    return bool(part)


class _Plain(pickle.Unpickler):
    """Takes plain values and those of the house; an answer can make this process import and run nothing."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("dicomnode.domain.") or (module, name) == ("pathlib", "PosixPath"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"a {module}.{name} may not enter the node")


def _value(answer: bytes) -> Any:
    try:
        said = _Plain(io.BytesIO(answer)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, TypeError, ValueError) as error:
        raise PluginFailed(f"what it answered cannot be read: {error}") from error
    if "value" in said:
        return said["value"]
    log.info("a call failed", extra={"where": said["where"]})
    kind = getattr(errors, said["raised"], None) if said["raised"] else PluginFailed
    if not (isinstance(kind, type) and issubclass(kind, DicomnodeError)):
        kind = PluginFailed
    raise kind(said["text"])


def _how(exit_code: int) -> str:
    if exit_code == 0:
        return "its process left without an answer"
    if exit_code < 0:
        with suppress(ValueError):
            return f"its process died: killed by {signal.Signals(-exit_code).name}"
    return f"its process died: exit code {exit_code}"
