"""Warm, isolated processes: a call that hangs, crashes or eats memory ends that call and nothing else."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from dicomnode.errors import PluginCrashed, PluginFailed, PluginTimedOut
from dicomnode.execute import child

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


class Workers:
    """A pool of processes forked from a server that has the libraries loaded already.

    Each worker leads its own process group and dies, with everything it started, when this process dies.
    """

    def __init__(self, *, processes: int, preload: Sequence[str] = (), threads: int = 1) -> None:
        """Start the fork server; workers start with the first call.

        Parameters
        ----------
        processes : int
            Calls that run at the same time.
        preload : sequence of str
            Modules the fork server imports ahead of time. The first pool of a process decides.
        threads : int
            Threads that numerical libraries may use in each worker.
        """
        self.threads = threads
        self._folder = tempfile.TemporaryDirectory(prefix="dicomnode-workers-")
        with _environment({name: str(threads) for name in _THREAD_VARIABLES}):
            forkserver.set_forkserver_preload([child.__name__, *preload])
            forkserver.ensure_running()
        self._pool = ProcessPool(
            max_workers=processes, initializer=child.enter, initargs=(os.getpid(),), context=get_context("forkserver")
        )

    def run(self, function: Callable[..., Any], *arguments: Any, timeout_s: float, memory_mib: int) -> Any:
        """Call a function in a worker and wait for it.

        Raises
        ------
        DicomnodeError
            What the function raised, if it is one of ours.
        PluginFailed
            When the function raised anything else.
        PluginTimedOut
            When it ran longer than ``timeout_s``; the worker and all it started are dead.
        PluginCrashed
            When the worker died.
        """
        descriptor, note = tempfile.mkstemp(dir=self._folder.name)
        os.close(descriptor)
        future = self._pool.schedule(child.call, args=[function, arguments, memory_mib, note], timeout=timeout_s)
        try:
            outcome = _outcome(future, Path(note))
        except TimeoutError as error:
            raise PluginTimedOut(f"it ran longer than {timeout_s:g} s and was killed") from error
        except ProcessExpired as error:
            raise PluginCrashed(f"its process died: {_how(error.exitcode)}") from error
        except CancelledError as error:
            raise PluginCrashed("the node is stopping") from error
        finally:
            _kill_group_of(Path(note))
        if outcome.error is not None:
            raise outcome.error
        if outcome.problem:
            raise PluginFailed(outcome.problem)
        return outcome.value

    def stop(self) -> None:
        """Kill what runs and end every worker."""
        self._pool.stop()
        self._pool.join()
        self._folder.cleanup()


def _outcome(future: ProcessFuture[child.Outcome], note: Path) -> child.Outcome:
    """Wait for a call; a worker that left with exit code 0 in the middle of it is missed by the pool."""
    while True:
        try:
            outcome: child.Outcome = future.result(timeout=_LOOK_S)
        except TimeoutError:
            leader = note.read_text()
            if future.done():
                raise
            if leader and not Path(f"/proc/{leader}").exists():
                future.cancel()
                raise PluginCrashed("its process left without an answer") from None
        else:
            return outcome


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"


def _kill_group_of(note: Path) -> None:
    """Kill what a dead worker left behind; a worker that ended its call in good order has emptied the note."""
    leader = note.read_text()
    note.unlink()
    if leader:
        with suppress(ProcessLookupError):
            os.killpg(int(leader), signal.SIGKILL)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Numerical libraries read their thread counts from the environment when they are loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
