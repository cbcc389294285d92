"""What runs on the other side: a worker's life, one call, one plugin on one case."""

from __future__ import annotations

import importlib
import json
import logging
import os
import resource
import select
import signal
import threading
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dicomnode.errors import BrokenPlugin, DicomnodeError, Unsuitable
from dicomnode.sdk import wire

PROGRESS = "progress.json"
TRACEBACK = "traceback.txt"
"""Where a plugin's author looks; the node's own log holds no text of foreign exceptions."""
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a call ended. A foreign exception crosses the border as words: unpickling it would import its module."""

    value: Any = None
    error: DicomnodeError | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningContext:
    """The context a plugin is given."""

    threads: int
    directory: Path

    def progress(self, fraction: float, step: str) -> None:
        """Write how far the work has come, so that a reader never sees half of it."""
        fresh = self.directory / f"{PROGRESS}.new"
        fresh.write_text(json.dumps({"fraction": min(max(float(fraction), 0.0), 1.0), "step": step}))
        fresh.replace(self.directory / PROGRESS)


def enter(node: int) -> None:
    """Begin a worker's life: a process group of its own, and death when the node dies.

    PR_SET_PDEATHSIG would watch the fork server and not reach grandchildren; a pidfd watches the node itself.
    """
    os.setsid()
    for library in ("pydicom", "highdicom"):  # both quote the values of attributes: a patient's
        logging.getLogger(library).disabled = True
        warnings.filterwarnings("ignore", module=library)
    watched = os.pidfd_open(node)

    def watch() -> None:
        select.select([watched], [], [])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, name="node watch", daemon=True).start()


def call(function: Callable[..., Any], arguments: Iterable[Any], memory_mib: int, note: str) -> Outcome:
    """Call a function under a memory cap and put whatever happens into words.

    Parameters
    ----------
    note : str
        File that holds this worker's process group while the call runs, so that the node can kill all of it.
    """
    Path(note).write_text(str(os.getpid()))
    # RLIMIT_AS would count address space that torch and CUDA only reserve.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mib * _MIB, resource.RLIM_INFINITY))
    try:
        return Outcome(value=function(*arguments))
    except DicomnodeError as error:
        return Outcome(error=type(error)(str(error)))
    except MemoryError:
        return Outcome(problem=f"MemoryError: more than {memory_mib} MiB were needed")
    except Exception as error:  # noqa: BLE001 - the last border: everything a plugin raises becomes words
        return Outcome(problem=f"{type(error).__name__}: {error}"[:1000])
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        _kill_stragglers()
        Path(note).write_text("")


def run_case(entry: str, directory: Path, threads: int) -> None:
    """Run a plugin's entry point on a case directory and write its findings there.

    Raises
    ------
    BrokenPlugin
        When the entry point cannot be imported.
    Unsuitable
        The plugin's own verdict.
    BadFinding
        When what it returns is not a list of findings.
    """
    module, _, name = entry.partition(":")
    try:
        run = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BrokenPlugin(f"entry point {entry} cannot be imported: {error}") from error
    try:
        findings = run(wire.read_case(directory), RunningContext(threads=threads, directory=directory))
    except Unsuitable:
        raise
    except Exception:
        (directory / TRACEBACK).write_text(traceback.format_exc())
        raise
    wire.write_findings(directory, findings)


def _kill_stragglers() -> None:
    """End what the call started and left behind in this worker's process group."""
    me = os.getpid()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != me:
            with suppress(ProcessLookupError, PermissionError):
                if os.getpgid(int(entry.name)) == me:
                    os.kill(int(entry.name), signal.SIGKILL)
