"""What is advised on an exam while the patient is still on the table: at most one advice, and never none at the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from dicomnode.domain.identity import StudyInstanceUID


class AdviceKind(StrEnum):
    """What may be advised; all but the last are the code values a plugin recommends with."""

    MAY_BE_OMITTED = "ADV_OMIT"
    RECOMMENDED = "ADV_CONTRAST"
    STANDARD_PROTOCOL = "ADV_STANDARD"
    RADIOLOGIST = "ADV_RADIOLOGIST"
    TOO_LATE = "ADV_TOO_LATE"


_CAUTION = {
    AdviceKind.MAY_BE_OMITTED: 0,
    AdviceKind.RECOMMENDED: 1,
    AdviceKind.STANDARD_PROTOCOL: 1,
    AdviceKind.RADIOLOGIST: 2,
    AdviceKind.TOO_LATE: 3,
}


class Origin(StrEnum):
    """Who said it."""

    PLUGIN = "plugin"
    FAILURE = "failure"
    """The plugin could not say anything."""
    DEADLINE = "deadline"
    CONTRAST_SEEN = "contrast seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The advice on one exam, awaited or stated."""

    study_instance_uid: StudyInstanceUID
    exam_id: int
    label: tuple[str, ...] = ()
    """How the console calls the exam, as the site has chosen."""
    opened: datetime
    deadline: datetime
    """Then the protocol as ordered is advised, whatever has become of the plugin."""
    counting: bool = False
    """Whether the deadline counts from complete inputs, and no longer from the first image."""
    kind: AdviceKind | None = None
    """None while it is awaited."""
    reason: str = ""
    cautions: tuple[str, ...] = ()
    origin: Origin | None = None
    stated: datetime | None = None
    task_id: str = ""
    acknowledged_by: str = ""
    acknowledged: datetime | None = None


class Hindsight(StrEnum):
    """How right an advice was, once it is known what the patient had."""

    SPARED = "rightly spared"
    MISSED = "spared on a positive exam"
    GIVEN = "rightly recommended"
    NEEDLESS = "recommended on a negative exam"


def hindsight(kind: AdviceKind | None, positive: bool | None) -> Hindsight | None:
    """Score an advice by the outcome of its exam; None while that is unknown, and where nothing was foretold."""
    if positive is None:
        return None
    if kind is AdviceKind.MAY_BE_OMITTED:
        return Hindsight.MISSED if positive else Hindsight.SPARED
    if kind is AdviceKind.RECOMMENDED:
        return Hindsight.GIVEN if positive else Hindsight.NEEDLESS
    return None


def counted(advice: Advice, deadline: datetime) -> Advice:
    """The inputs are complete: from now on a nearer deadline counts, and the first one that was set stays."""
    if advice.counting or advice.kind is not None:
        return advice
    return replace(advice, counting=True, deadline=min(deadline, advice.deadline))


def state(
    advice: Advice,
    kind: AdviceKind,
    reason: str,
    origin: Origin,
    now: datetime,
    *,
    cautions: tuple[str, ...] = (),
    task_id: str = "",
) -> Advice:
    """State an advice; one that is stated already gives way to a more cautious one of a plugin only.

    A change takes an acknowledgement back: the person has not seen it.
    """
    if advice.kind is not None:
        more_cautious = _CAUTION[kind] > _CAUTION[advice.kind]
        if not more_cautious or (origin is not Origin.PLUGIN and advice.kind is not AdviceKind.MAY_BE_OMITTED):
            return advice
        if origin is Origin.CONTRAST_SEEN:  # advised in time; what was done then is no new advice
            return advice
    return replace(
        advice,
        kind=kind,
        reason=reason,
        cautions=cautions,
        origin=origin,
        stated=now,
        task_id=task_id,
        acknowledged_by="",
        acknowledged=None,
    )


def overdue(advice: Advice, now: datetime) -> Advice:
    """The protocol as ordered, once the deadline has passed without an advice."""
    if advice.kind is not None or now < advice.deadline:
        return advice
    reason = "no result in time" if advice.counting else "the images needed were not complete in time"
    return state(advice, AdviceKind.STANDARD_PROTOCOL, reason, Origin.DEADLINE, now)


def acknowledge(advice: Advice, kind: AdviceKind, who: str, now: datetime) -> Advice:
    """Keep who has seen an advice of this kind; nothing when it is another by now, or somebody has seen it before."""
    if advice.kind is not kind or advice.acknowledged is not None:
        return advice
    return replace(advice, acknowledged_by=who, acknowledged=now)
