"""How the routing's model comes to be: from unenhanced T1 and T2, taught by a model that sees contrast if any."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dicomnode.sdk import Case, Context
from dicomnode.sdk.cohort import Assignment
from dicomnode_plugins._learning import cards, course, examples, freezing
from dicomnode_plugins.contrast_routing import SLOT, SPEC

SEQUENCES = ("t1", "t2", "t1c")


def prepare(case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """What the networks see of an exam, and its contrast-enhanced T1 for a teacher: ``narrow_t1`` and so on.

    Raises
    ------
    Unsuitable
        When the nasopharynx is not found, or a sequence cannot be laid on T1.
    """
    return examples.prepare(case, SEQUENCES)


def train(assignment: Assignment, context: Context) -> None:
    """Train the networks that were asked for and draft their card."""
    given = dict(assignment.parameters)
    networks = tuple(name.strip() for name in str(given.pop("networks")).split(","))
    course.train(replace(assignment, parameters=given), context, networks, SEQUENCES)
    record = course.read_run(assignment.output)
    cards.draft(assignment.output, record, plugin=SPEC.name, slot=SLOT, networks=networks)


def calibrate(assignment: Assignment, context: Context) -> None:
    """Freeze the two cut-offs of the advice."""
    freezing.calibrate(assignment, context, tuple(course.read_run(assignment.output)["models"]))
