"""Run a plugin on a case directory: what happens in the plugin's own process, and in its author's tests."""

from __future__ import annotations

import importlib
import json
import traceback
from dataclasses import dataclass
from pathlib import Path

from dicomnode.errors import BrokenPlugin, Unsuitable
from dicomnode.sdk import wire

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
    module, _, name = entry.partition(":")
    try:
        run = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BrokenPlugin(f"entry point {entry} cannot be imported: {error}") from error
    try:
        findings = run(wire.read_case(directory), RunningContext(threads=threads, directory=directory))
    except Unsuitable:
        raise
    except BaseException:
        (directory / TRACEBACK).write_text(traceback.format_exc())
        raise
    wire.write_findings(directory, findings)
