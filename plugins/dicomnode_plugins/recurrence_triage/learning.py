"""How the triage's models come to be: one network for each of T1, T2 and contrast-enhanced T1 (DARNDEST, Methods)."""

from __future__ import annotations

from typing import Any

import numpy as np

from dicomnode.sdk import Case, Context
from dicomnode.sdk.cohort import Assignment
from dicomnode_plugins._learning import cards, course, examples, freezing, outlining
from dicomnode_plugins._learning.networks import OUTLINING
from dicomnode_plugins.recurrence_triage import DRAWN, NETWORK, OUTLINE, SLOT, SPEC, codes

SEQUENCES = ("t1", "t2", "t1c")


def prepare(case: Case) -> dict[str, np.ndarray[Any, Any]]:
    """What the networks see of an exam, on each crop an architecture may ask for: ``narrow_t1``, ``wide_t1`` and so on.

    Where an expert has outlined the tumour on T1, the outline too: ``narrow_gtv``.

    Raises
    ------
    Unsuitable
        When the nasopharynx is not found, or a sequence cannot be laid on T1.
    """
    return examples.prepare(case, SEQUENCES, DRAWN, codes.OUTLINED)


def train(assignment: Assignment, context: Context) -> None:
    """Train the three networks, or by an architecture that outlines the one that proposes a volume; draft the card."""
    outlines = assignment.parameters["architecture"] in OUTLINING
    networks, slot = ((NETWORK,), OUTLINE) if outlines else (SEQUENCES, SLOT)
    course.train(assignment, context, networks, SEQUENCES, DRAWN)
    record = course.read_run(assignment.output)
    cards.draft(assignment.output, record, plugin=SPEC.name, slot=slot, networks=networks)


def calibrate(assignment: Assignment, context: Context) -> None:
    """Freeze the three cut-offs of the layered decision, or the level of a network that outlines."""
    if course.read_run(assignment.output)["architecture"] in OUTLINING:
        outlining.calibrate(assignment, context, DRAWN)
    else:
        freezing.calibrate(assignment, context, SEQUENCES)
