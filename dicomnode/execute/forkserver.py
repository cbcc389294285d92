"""The fork server: one process for each call, forked from an interpreter that has the libraries loaded already.

Runs in a process of its own, single-threaded. It is also the guard of what it forks: a call whose caller hangs up,
because of a timeout or because the node died, is killed with everything that the call started.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import logging
import os
import resource
import select
import signal
import socket
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NoReturn

from dicomnode.execute.child import answer

log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_WIRE = "dicomnode.sdk.running"
"""Every case passes through it, and numpy takes its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forked:
    """One call on this side."""

    leader: int
    """Its process, which leads the process group of everything the call starts."""
    ended: int
    """pidfd of the leader."""
    caller: socket.socket
    """Told when the call begins, and its exit code when all of it is dead; shut down by the caller to kill it."""


def main(descriptor: int, preload: Iterable[str], warm: Iterable[tuple[str, str]] = ()) -> None:
    """Load libraries and models, then serve the node at the other end of a socket until it goes away."""
    _outlive_signals()
    _load([_WIRE, *preload])
    _warm(warm)
    _hush()
    gc.collect()
    gc.freeze()  # no call's collector looks through it again, nor copies its pages by doing so
    with socket.socket(fileno=descriptor) as control, _calls() as calls:
        _serve(control, calls)


def _serve(control: socket.socket, calls: dict[int, Forked]) -> None:
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == control.fileno():
                _, descriptors, *_ = socket.recv_fds(control, 1, 2, socket.MSG_CMSG_CLOEXEC)
                if not descriptors:
                    return
                if call := _begin(descriptors, [control, *(known.caller for known in calls.values())]):
                    calls[call.ended] = calls[call.caller.fileno()] = call
                    poll.register(call.ended, select.POLLIN)
                    poll.register(call.caller, select.POLLRDHUP)
            elif call := calls.get(descriptor):
                poll.unregister(descriptor)
                _kill(call)
                if descriptor == call.ended:
                    with suppress(KeyError):  # its caller has hung up before
                        poll.unregister(call.caller)
                    del calls[call.ended], calls[call.caller.fileno()]
                    _bury(call)


def _begin(descriptors: Iterable[int], foreign: Iterable[socket.socket]) -> Forked | None:
    channel, caller = (socket.socket(fileno=descriptor) for descriptor in descriptors)
    with channel:
        try:
            return _fork(channel, caller, foreign)
        except OSError as error:
            log.warning("no process for a call: %s", error.strerror)
            caller.close()
            return None


def _fork(channel: socket.socket, caller: socket.socket, foreign: Iterable[socket.socket]) -> Forked:
    """Fork a process that answers one request on ``channel``; it keeps no socket of the server's or of other calls."""
    leader = os.fork()
    if leader == 0:
        for other in (caller, *foreign):
            other.close()
        _live(channel)
    os.setpgid(leader, leader)
    with suppress(OSError):  # it has hung up already: the poll will say so
        caller.send(b"+")
    return Forked(leader=leader, ended=os.pidfd_open(leader), caller=caller)


def _live(channel: socket.socket) -> NoReturn:
    """The whole life of a forked process; it never returns into the server's loop."""
    status = 1
    try:
        os.setpgid(0, 0)
        # Should the server itself be killed, nobody would guard this process any more.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # A core file would hold a patient's images.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        answer(channel)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        status = 0
    finally:
        os._exit(status)


def _kill(call: Forked) -> None:
    """Kill the call's process group. Its leader is not yet waited for, so the number cannot be another's."""
    with suppress(ProcessLookupError):
        os.killpg(call.leader, signal.SIGKILL)


def _bury(call: Forked) -> None:
    _, status = os.waitpid(call.leader, 0)
    os.close(call.ended)
    with call.caller as caller, suppress(OSError):  # nobody may be there to hear it
        caller.send(str(os.waitstatus_to_exitcode(status)).encode())


@contextmanager
def _calls() -> Iterator[dict[int, Forked]]:
    """Calls by both of their descriptors; none outlives the server."""
    calls: dict[int, Forked] = {}
    try:
        yield calls
    finally:
        for call in calls.values():
            _kill(call)


def _hush() -> None:
    """Silence the libraries that quote the values of attributes, a patient's, in what they log and warn of."""
    for library in ("pydicom", "highdicom"):
        logging.getLogger(library).disabled = True
        warnings.filterwarnings("ignore", module=library)


def _load(modules: Iterable[str]) -> None:
    """Import what calls need, and call what follows a colon."""
    for name in modules:
        module, _, function = name.partition(":")
        try:
            loaded = importlib.import_module(module)
            if function:
                getattr(loaded, function)()
        except Exception as error:  # noqa: BLE001 - the last border: one plugin's broken module must not stop the others
            log.warning("%s cannot be loaded ahead of time: %s", name, type(error).__name__)


def _warm(entries: Iterable[tuple[str, str]]) -> None:
    from dicomnode.sdk.running import warm

    for entry, models in entries:
        try:
            warm(entry, models)
        except Exception as error:  # noqa: BLE001 - as above; the plugin will say what is wrong when it runs
            log.warning("the models of %s cannot be loaded ahead of time: %s", entry, type(error).__name__)


def _outlive_signals() -> None:
    """SIGTERM and Ctrl-C are for the node, which ends its calls in its own time; handlers are not inherited by exec."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
