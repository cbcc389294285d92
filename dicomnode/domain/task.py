"""One run of a plugin on one exam revision, and what it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias

from dicomnode.domain.identity import Digest, SeriesInstanceUID, SOPClassUID, SOPInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import Instance
from dicomnode.domain.stack import Geometry


class TaskState(StrEnum):
    """The life of a task. The last five are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    NOT_APPLICABLE = "not applicable"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    """Later input replaced this task; what it had not yet delivered is withdrawn."""


ENDED = frozenset(
    {TaskState.DONE, TaskState.NOT_APPLICABLE, TaskState.FAILED, TaskState.CANCELLED, TaskState.SUPERSEDED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One input role of a task: the slices of a stack."""

    role: str
    instances: tuple[Instance, ...]
    """One for each slice, in the order of the grid; a multi-frame instance stands for each of its frames."""
    frames: tuple[int, ...] = ()
    """Frame number, from 1, of each slice in its instance; empty where the instances are single frames."""
    geometry: Geometry
    frame_of_reference_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What the node needs to run a plugin and to write its results."""

    task_id: Digest
    attempt: int
    study_instance_uid: StudyInstanceUID
    plugin: str
    version: str
    parameters: dict[str, float | int | str | bool]
    inputs: tuple[Input, ...]
    state: TaskState
    facts: dict[str, float | str] = field(default_factory=dict)


ResultKind: TypeAlias = Literal[
    "SC", "MR", "PM", "PM16", "SEG", "LABELMAP", "RTSTRUCT", "REG", "PR", "SR", "SR-VIEWER", "KOS", "PDF"
]
"""The words of a peer's ``receives``, in the order in which objects are sent: what one refers to is there before it."""

STANDS_IN: Mapping[ResultKind, tuple[ResultKind, ...]] = {
    "LABELMAP": ("SEG", "SC"),
    "RTSTRUCT": ("SEG", "SC"),
    "SEG": ("SC",),
    "PM": ("PM16", "SC"),
    "PM16": ("SC",),
}
"""What may go to a destination that does not take a kind, the richest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultObject:
    """A finished DICOM object, checked and ready to be sent."""

    sop_instance_uid: SOPInstanceUID
    sop_class_uid: SOPClassUID
    series_instance_uid: SeriesInstanceUID
    kind: ResultKind
    description: str
    content: bytes
    """The whole DICOM file (PS3.10)."""
