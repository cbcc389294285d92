"""What speaks for an exam being whole, or against it; and what was decided from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from dicomnode.domain.exam import Arrivals
from dicomnode.domain.identity import Digest, SeriesInstanceUID


class Confidence(StrEnum):
    """How well founded it is that nothing more will come."""

    STATED = "stated"
    """The modality has listed its images, and all are here."""
    SUPPORTED = "supported"
    """The sender is done, the volumes are regular, and no count speaks against it."""
    TIMED = "timed"
    """Nothing new came for long enough; nothing else speaks for it."""
    DOUBTED = "doubted"
    """Something is missing and was waited for in vain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesArrivals:
    """When the instances of a series came."""

    series_instance_uid: SeriesInstanceUID
    label: str
    """How messages call it: its number, never its description."""
    instances: int
    last_arrival: datetime
    released: datetime | None
    """When an association that brought instances of it was last released in good order."""

    @property
    def is_released(self) -> bool:
        """Whether its sender has said since the last instance that it is done."""
        return self.released is not None and self.released >= self.last_arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesEvidence:
    """What the images of a series say themselves."""

    arrivals: SeriesArrivals
    regular: bool = False
    """Every image of it is a slice of a regular volume."""
    missing: str = ""
    """What is not there by geometry or by some count, in words."""
    agreeing: str = ""
    """The count that is there in full, in words."""
    protocol: Digest | None = None
    """Of scanner, protocol and description: series that share it have as many instances, mostly."""


class StepState(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureStep:
    """What a modality states about a study (PS3.4 annex F)."""

    state: StepState
    updated: datetime
    missing: Mapping[SeriesInstanceUID, int]
    """For every series it names, how many of its instances are not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCount:
    """What the archive a study comes from holds of it. It may itself still be receiving: no proof that this is all."""

    peer: str
    asked: datetime
    missing: Mapping[SeriesInstanceUID, int]
    """For every series that began to arrive, how many of its instances are there and not here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a sender has behaved."""

    exams: int = 0
    """Those that the judgement rests on."""
    longest_pause: timedelta = timedelta(0)
    """From the release of one association to the next instance of the same study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that an open exam is judged complete by."""

    arrivals: Arrivals
    series: tuple[SeriesEvidence, ...]
    steps: tuple[ProcedureStep, ...] = ()
    source: SourceCount | None = None
    manner: Manner = Manner()


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Nothing more is expected."""

    reason: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitUntil:
    """More may come: ask again at ``until``, or when something arrives."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incomplete:
    """Something is missing, and it was waited for long enough: what is here is judged."""

    because: str


Decision = Complete | WaitUntil | Incomplete
