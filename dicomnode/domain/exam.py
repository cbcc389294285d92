"""One revision of an examination: when it may be judged, and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from dicomnode.domain.identity import AETitle, Digest, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.stack import Stack


class Outcome(StrEnum):
    """Promise 3: every received series ends in exactly one of these; only ``PENDING`` is not an end."""

    PENDING = "pending"
    DONE = "done"
    NOT_APPLICABLE = "not applicable"
    HELD = "held"
    REFUSED = "refused"
    FAILED = "failed"


class ExamState(StrEnum):
    """The life of one exam revision."""

    OPEN = "open"
    """Instances may still arrive; the stability clock runs."""
    ASSESSING = "assessing"
    """The clock has fired; the assess workflow is on its way."""
    ASSESSED = "assessed"
    """Judged; a later instance opens the next revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What the stability clock knows about an open exam."""

    exam_id: int
    study_instance_uid: StudyInstanceUID
    revision: int
    first_arrival: datetime
    last_arrival: datetime
    last_release: datetime | None
    """When the last association that brought an instance was released in good order."""
    sender: AETitle
    """Of that association; empty when there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One stack in one input role of a plugin."""

    role: str
    stack: Stack
    input_digest: Digest
    """Over the content digests of the stack's instances and its frame numbers, in slice order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """A plugin will run: on these stacks, with these parameters."""

    task_id: Digest
    """Idempotency key: inputs, plugin, version and parameters. Result UIDs derive from it."""
    plugin: str
    version: str
    parameters: dict[str, float | int | str | bool]
    inputs: tuple[Chosen, ...]
    facts: dict[str, float | str] = field(default_factory=dict)
    """What is known of the patient, of what the plugin asks for; part of what the task id follows from."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMatch:
    """A plugin will not run, and why, in one line."""

    plugin: str
    reason: str
    held: bool = False
    """True when the reason is something missing that may still arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesVerdict:
    """What the assessment says about one series."""

    series_instance_uid: SeriesInstanceUID
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Everything decided about one exam revision."""

    stacks: tuple[Stack, ...]
    tasks: tuple[PlannedTask, ...]
    refusals: tuple[NoMatch, ...]
    verdicts: tuple[SeriesVerdict, ...]
    waiting_for_priors: tuple[str, ...] = ()
    """Plugins that lack nothing but priors, which are still being searched."""
