"""One decision of a model, as the ledger keeps it, and what is noticed about many of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicomnode.domain.identity import AETitle, Digest, StudyInstanceUID

Tags = Mapping[str, str | float]
"""How an input was acquired, by DICOM keyword; text or a number, nothing of the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Who decides: a plugin, by itself or by a model with these weights. Drift is looked for in each."""

    plugin: str
    model: str = ""
    version: str = ""
    digest: str = ""

    def __str__(self) -> str:
        model = f"{self.model} {self.version}".strip()
        return f"{self.plugin} ({model})" if model else self.plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A decision with all that is needed to judge it later, when the exam itself may be gone."""

    number: int
    """Order in the ledger, rising; 0 before it is written."""
    decided: datetime
    task_id: Digest
    study_instance_uid: StudyInstanceUID
    accession_number: str = ""
    plugin_version: str
    by: Model
    tier: str
    positive: bool | None
    scores: Mapping[str, float]
    features: Mapping[str, float]
    inputs: Mapping[str, Tags]
    """Input role to how it was acquired."""
    sender: AETitle
    """Who sent the inputs."""
    shadow: bool = False
    """By a candidate: nothing it said left the node."""
    withheld: bool = False
    """The model was frozen: nothing left the node."""
    superseded: bool = False
    """Changed input has replaced the task."""


class AlarmKind(StrEnum):
    """What was noticed."""

    IMAGE = "image"
    """The images are not those the model was seen to work on."""
    SCORE = "score"
    """What the model says is distributed otherwise."""
    TIER = "tier"
    """The tiers come in other shares."""
    PROTOCOL = "protocol"
    """Scanner or protocol have values that were not there before."""
    QUIET = "quiet"
    """A stream of exams has stopped."""
    OUTCOME = "outcome"
    """Outcomes say that the model is worse than it must be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something a person must look at."""

    kind: AlarmKind
    by: Model
    """Empty plugin: it is about no plugin in particular."""
    subject: str
    """What drifted or went quiet, in a few words."""
    text: str
    """The whole message, with its figures."""
    value: float
    limit: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Exams of one protocol of one scanner, by way of one sender."""

    sender: AETitle
    scanner: str
    protocol: str

    def __str__(self) -> str:
        return f"{self.protocol or 'no protocol name'} of {self.scanner or 'an unnamed scanner'} from {self.sender}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A model, or all of a plugin, may not speak for now."""

    plugin: str
    model: str
    """Empty: the whole plugin."""
    by: str
    """The person, or the alarm's kind."""
    reason: str
