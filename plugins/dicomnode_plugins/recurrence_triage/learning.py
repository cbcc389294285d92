"""How the triage's models come to be: one network for each of T1, T2 and contrast-enhanced T1 (DARNDEST, Methods)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dicomnode.sdk import Case, Context
from dicomnode.sdk.cohort import Assignment
from dicomnode_plugins._learning import cards, course, examples, freezing
from dicomnode_plugins.recurrence_triage import SLOT, SPEC

SEQUENCES = ("t1", "t2", "t1c")


def prepare(case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """What the networks see of an exam, on each crop an architecture may ask for: ``narrow_t1``, ``wide_t1`` and so on.

    Raises
    ------
    Unsuitable
        When the nasopharynx is not found, or a sequence cannot be laid on T1.
    """
    return examples.prepare(case, SEQUENCES)


def train(assignment: Assignment, context: Context) -> None:
    """Train the three networks and draft their card."""
    course.train(assignment, context, SEQUENCES, SEQUENCES)
    record = course.read_run(assignment.output)
    cards.draft(assignment.output, record, plugin=SPEC.name, slot=SLOT, networks=SEQUENCES)


def calibrate(assignment: Assignment, context: Context) -> None:
    """Freeze the three cut-offs of the layered decision."""
    freezing.calibrate(assignment, context, SEQUENCES)
