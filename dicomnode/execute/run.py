"""Run a plugin on a case directory in a worker and read back what it found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dicomnode.execute.workers import Workers
from dicomnode.sdk import wire
from dicomnode.sdk.findings import Finding
from dicomnode.sdk.running import run_case
from dicomnode.sdk.spec import PluginSpec
from dicomnode.sdk.verify import declared

_YIELDING = 5
"""Added to the niceness of work of the normal lane."""


def run(workers: Workers, spec: PluginSpec, directory: Path) -> list[Finding]:
    """Run a plugin; its findings are verified and of the kinds it declares.

    Raises
    ------
    Unsuitable
        The plugin's verdict "not for this input".
    PluginError
        When it failed, timed out, crashed, or found something that cannot be written.
    """
    case = wire.read_case(directory)  # before the plugin can write there
    (directory / wire.FINDINGS).unlink(missing_ok=True)
    resources = spec.resources
    workers.run(
        *lane(spec, run_case),
        spec.entry,
        directory,
        min(workers.threads, resources.cpus),
        timeout_s=resources.timeout_s,
        memory_mib=resources.memory_mib,
    )
    findings = wire.read_findings(directory, case)
    declared(findings, spec)
    return findings


def lane(spec: PluginSpec, function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """What to call for a function in a plugin's lane, and the first argument where it takes one."""
    return (function,) if spec.resources.lane == "express" else (yielding, function)


def yielding(function: Callable[..., Any], *arguments: Any) -> Any:
    """Do work that nobody waits for at the scanner: the processor goes to others first."""
    os.nice(_YIELDING)
    return function(*arguments)
