"""Run a plugin's functions on a case directory or a cohort: what happens in the plugin's own process."""

from __future__ import annotations

import importlib
import json
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dicomnode.errors import BrokenPlugin, PluginFailed, Unsuitable
from dicomnode.sdk import wire
from dicomnode.sdk.cohort import Assignment
from dicomnode.sdk.model import Model

PROGRESS = "progress.json"
TRACEBACK = "traceback.txt"


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
    run = _imported(entry)
    with _traced(directory):
        findings = run(wire.read_case(directory), RunningContext(threads=threads, directory=directory))
    wire.write_findings(directory, findings)


def warm(entry: str, models: str) -> None:
    """Let a plugin load its models (JSON: slot to model) into the process that its calls are forked from.

    Raises
    ------
    BrokenPlugin
        When the entry point cannot be imported.
    """
    _imported(entry)({slot: Model.from_json(model) for slot, model in json.loads(models).items()})


def prepare_case(entry: str, directory: Path, file: Path) -> None:
    """Run a plugin's ``prepare`` on a case directory and write the arrays it makes, whole or not at all.

    Raises
    ------
    BrokenPlugin
        When the entry point cannot be imported.
    Unsuitable
        The plugin's own verdict.
    PluginFailed
        When it makes no arrays.
    """
    prepare = _imported(entry)
    with _traced(directory):
        arrays = prepare(wire.read_case(directory))
    if not arrays or not all(isinstance(array, np.ndarray) and array.dtype.kind in "fiub" for array in arrays.values()):
        raise PluginFailed(f"{entry} made no arrays of numbers")
    fresh = directory / "prepared.npz"
    np.savez_compressed(fresh, **arrays)
    fresh.replace(file)


def run_procedure(entry: str, assignment: Assignment, threads: int) -> None:
    """Run a plugin's training or calibration.

    Raises
    ------
    BrokenPlugin
        When the entry point cannot be imported.
    Unsuitable
        Its verdict that these exams will not do.
    """
    procedure = _imported(entry)
    with _traced(assignment.output):
        procedure(assignment, RunningContext(threads=threads, directory=assignment.output))


def _imported(entry: str) -> Any:
    module, _, name = entry.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BrokenPlugin(f"entry point {entry} cannot be imported: {error}") from error


@contextmanager
def _traced(directory: Path) -> Iterator[None]:
    """What a plugin raises, but for its verdict, is left as a file for its author."""
    try:
        yield
    except Unsuitable:
        raise
    except BaseException:
        (directory / TRACEBACK).write_text(traceback.format_exc())
        raise
