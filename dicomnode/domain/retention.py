"""What the node still holds of an exam, as far as it matters to whether the exam may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.identity import Digest, StudyInstanceUID
from dicomnode.domain.task import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTask:
    """One task of an exam, and where its results stand."""

    task_id: Digest
    attempt: int
    state: TaskState
    objects: int
    """Result objects it made."""
    deliveries: tuple[tuple[str, DeliveryState], ...]
    """Peer and state of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """All revisions of one study's exam."""

    study_instance_uid: StudyInstanceUID
    exams: tuple[tuple[int, ExamState], ...]
    """Key and state of each revision."""
    outcomes: tuple[Outcome, ...]
    """One for each series."""
    tasks: tuple[HeldTask, ...]
    in_use: bool
    """Another exam compares with it, or it takes part in a search for priors that has not ended."""
    last_arrival: datetime
    last_result: datetime | None
    """When a task ended or a delivery changed last; None without tasks."""
