"""Plugins that behave well and badly, for tests of isolation."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dicomnode.sdk import (
    Case,
    Context,
    Finding,
    InputRole,
    Learning,
    Match,
    Measurement,
    Parameter,
    PluginSpec,
    Procedure,
    Resources,
    Unsuitable,
)
from dicomnode.sdk.codes import FAT_FRACTION, PERCENT
from dicomnode.sdk.cohort import Assignment


def spec(function: str, **resources: Any) -> PluginSpec:
    """A specification whose entry point is a function of this module."""
    return PluginSpec(
        name="zoo",
        version="1",
        title="Zoo",
        intended_use="tests",
        status="research",
        inputs=(InputRole(role="image", match=(Match(keyword="Modality", op="eq", value="MR"),)),),
        produces=("Measurement",),
        entry=f"tests.plugin_zoo:{function}",
        family=FAT_FRACTION,
        resources=Resources(**{"memory_mib": 1024, "timeout_s": 30.0, **resources}),
    )


SPEC = spec("mean")
NOT_A_SPEC = "text"
LEARNS = replace(
    spec("mean"),
    learning=Learning(
        prepare="tests.plugin_zoo:prepare",
        train=Procedure(
            entry="tests.plugin_zoo:train", parameters=(Parameter(name="epochs", default=2, description="", minimum=1),)
        ),
        calibrate=Procedure(entry="tests.plugin_zoo:calibrate"),
        teachers=("zoo",),
    ),
)
"""A plugin that can be taught."""


def prepare(case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """The mean of the image; an image of one value is unsuitable."""
    array = case.volume("image").array
    if array.min() == array.max():
        raise Unsuitable("the image is empty")
    return {"mean": np.array([array.mean()], np.float32)}


def train(assignment: Assignment, context: Context) -> None:
    """Write down what was given."""
    context.progress(0.5, "epoch 1")
    if assignment.teacher is not None:
        unlabelled = sum(example.positive is None for example in assignment.examples)
        (assignment.output / "taught.json").write_text(json.dumps([assignment.teacher.id, unlabelled]))
    means = {example.part: float(example.array("mean")[0]) for example in assignment.examples}
    said = {"seed": assignment.seed, "device": assignment.device, "resume": assignment.resume, **assignment.parameters}
    (assignment.output / "run.json").write_text(json.dumps({**said, **means}))


def calibrate(assignment: Assignment, context: Context) -> None:
    """Refuse fewer than three exams."""
    if len(assignment.of("calibration")) < 3:
        raise Unsuitable("calibration needs 3 exams")
    (assignment.output / "calibration.json").write_text(json.dumps([e.part for e in assignment.examples]))


def mean(case: Case, context: Context) -> list[Finding]:
    """The mean of the image, well done."""
    context.progress(0.5, "half")
    value = float(np.mean(case.volume("image").array))
    return [Measurement(name=FAT_FRACTION, value=value, unit=PERCENT)]


def how_nice(case: Case, context: Context) -> list[Finding]:
    """Says its own niceness."""
    return [Measurement(name=FAT_FRACTION, value=float(os.nice(0)), unit=PERCENT)]


def unsuitable(case: Case, context: Context) -> list[Finding]:
    """A verdict."""
    raise Unsuitable("this image is too small")


def raises(case: Case, context: Context) -> list[Finding]:
    """An ordinary bug."""
    raise ZeroDivisionError("a bug")


class TooSmall(Unsuitable):
    """A verdict of the plugin's own."""

    def __init__(self, size: int, least: int) -> None:
        super().__init__(f"{size} voxels, at least {least} are needed")


def unsuitable_in_its_own_words(case: Case, context: Context) -> list[Finding]:
    """A verdict with a class the node does not know."""
    raise TooSmall(24, 100)


class UnpicklableError(Exception):
    """Cannot cross a process border."""

    def __init__(self, a: int, b: int) -> None:
        super().__init__("unpicklable")


def raises_unpicklable(case: Case, context: Context) -> list[Finding]:
    """A bug with a class of its own."""
    raise UnpicklableError(1, 2)


def crashes(case: Case, context: Context) -> list[Finding]:
    """A decoder's favourite."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return []


def exits(case: Case, context: Context) -> list[Finding]:
    """Leaves without a word."""
    os._exit(0)


def leaves_politely(case: Case, context: Context) -> list[Finding]:
    """Thinks it is a program."""
    sys.exit(3)


def hangs_and_lets_nobody_else_run(case: Case, context: Context) -> list[Finding]:
    """A long step in C that keeps the interpreter's lock: no thread and no signal handler of this process runs."""
    Path(os.environ.get("ZOO_NOTE", "/nonexistent")).write_text(str(os.getpid()))
    pow(7, 9**8)
    return []


def hangs_with_a_child(case: Case, context: Context) -> list[Finding]:
    """Never ends, and neither does what it started; the child's id is left in the image's file."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(os.environ.get("ZOO_NOTE", "/nonexistent")).write_text(str(child.pid))
    time.sleep(600)
    return []


def leaves_a_child(case: Case, context: Context) -> list[Finding]:
    """Ends well but leaves something running."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    return [Measurement(name=FAT_FRACTION, value=float(child.pid), unit=PERCENT)]


def eats_memory(case: Case, context: Context) -> list[Finding]:
    """Wants more than it declared."""
    np.ones((4, 1024, 1024, 1024), np.uint8)
    return []


def nonsense(case: Case, context: Context) -> Any:
    """Returns what is not a finding."""
    return ["a text"]


def undeclared(case: Case, context: Context) -> list[Finding]:
    """Returns a kind its specification does not name."""
    from dicomnode.sdk import Recommendation

    return [Recommendation(value="look again")]


def child_of(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
