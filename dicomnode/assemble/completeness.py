"""Decide whether an exam, or one series of it, is complete: a pure function of evidence, settings and a clock.

What is known is asked in the order of its weight: what the modality states, what is seen to be missing, then silence.
Each answer names how long silence must last, so that nothing waits for ever. `docs/completeness.md` explains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomnode.domain.evidence import (
    Complete,
    Confidence,
    Decision,
    Evidence,
    Incomplete,
    SeriesEvidence,
    StepState,
    WaitUntil,
)
from dicomnode.settings import CompletenessSettings

KNOWN_AFTER = 5
"""Exams after which the manner of a sender counts as known."""
PAUSE_MARGIN = 2.0
"""Times the longest pause a sender has made between two associations of one exam: so long it may pause again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Due:
    """Judged after so many seconds without anything new, and why then."""

    after: float
    reason: str
    confidence: Confidence


def decide(evidence: Evidence, policy: CompletenessSettings, now: datetime) -> Decision:
    """Whether an open exam is complete.

    Parameters
    ----------
    evidence : Evidence
        What came and when, what the images say, what others say, and how the sender usually goes about it.
    policy : CompletenessSettings
        The times, seconds.
    now : datetime
        The clock, in the same time zone as the evidence.
    """
    arrivals = evidence.arrivals
    due = _stated(evidence, policy) or _lacking(evidence, policy) or _quiet(evidence, policy)
    heard = [arrivals.last_arrival, arrivals.last_release, *(step.updated for step in evidence.steps)]
    longest = arrivals.first_arrival + timedelta(seconds=policy.longest_open)
    return _decision(due, heard, longest, now)


def decide_series(evidence: Evidence, series: SeriesEvidence, policy: CompletenessSettings, now: datetime) -> Decision:
    """Whether one series of an exam is complete, whatever else the exam waits for: what the express lane asks."""
    seen, lack = series.arrivals, _lack(evidence, series)
    if _is_stated(evidence, series):
        due = _Due(after=0, reason="all images of the procedure step are here", confidence=Confidence.STATED)
    elif lack:
        due = _Due(after=policy.missing_wait, reason=lack, confidence=Confidence.DOUBTED)
    elif seen.is_released and series.regular:
        reason = f"sender released, {series.agreeing or 'regular, and no count says otherwise'}"
        due = _Due(after=0, reason=reason, confidence=Confidence.SUPPORTED)
    elif seen.is_released:
        due = _silence(policy.series_quiet, "sender released, ")
    else:
        due = _silence(policy.missing_wait, "sender has not released, ")
    longest = seen.last_arrival + timedelta(seconds=policy.longest_open)
    return _decision(due, [seen.last_arrival, seen.released], longest, now)


def _decision(due: _Due, heard: list[datetime | None], longest: datetime, now: datetime) -> Decision:
    until = max(moment for moment in heard if moment is not None) + timedelta(seconds=due.after)
    if now < min(until, longest):
        return WaitUntil(until=min(until, longest), reason=due.reason)
    if due.confidence is Confidence.DOUBTED:
        return Incomplete(because=due.reason)
    if now < until:
        return Incomplete(because=f"something new came all the time; waited for: {due.reason}")
    return Complete(reason=due.reason, confidence=due.confidence)


def _stated(evidence: Evidence, policy: CompletenessSettings) -> _Due | None:
    """What follows from the procedure steps alone; None when they do not settle it."""
    if any(step.state is StepState.IN_PROGRESS for step in evidence.steps):
        reason = "a procedure step is in progress"
        return _Due(after=policy.longest_wait, reason=reason, confidence=Confidence.DOUBTED)
    here = {series.arrivals.series_instance_uid for series in evidence.series}
    absent = sum(n for step in evidence.steps for uid, n in step.missing.items() if uid not in here)
    if absent:
        reason = f"a procedure step names {absent} images of series that have not come"
        return _Due(after=policy.missing_wait, reason=reason, confidence=Confidence.DOUBTED)
    if evidence.steps and all(_is_stated(evidence, series) for series in evidence.series):
        reason = "all images of the procedure step are here"
        return _Due(after=0, reason=reason, confidence=Confidence.STATED)
    return None


def _is_stated(evidence: Evidence, series: SeriesEvidence) -> bool:
    """Whether procedure steps that have ended list this series, and all of it is here."""
    uid = series.arrivals.series_instance_uid
    naming = [step for step in evidence.steps if uid in step.missing]
    ended = all(step.state is not StepState.IN_PROGRESS and not step.missing[uid] for step in naming)
    return bool(naming) and ended


def _lacking(evidence: Evidence, policy: CompletenessSettings) -> _Due | None:
    lacks = [lack for series in evidence.series if (lack := _lack(evidence, series))]
    return _Due(after=policy.missing_wait, reason="; ".join(lacks), confidence=Confidence.DOUBTED) if lacks else None


def _lack(evidence: Evidence, series: SeriesEvidence) -> str:
    """What of a series is not here, by the weightiest witness; empty when nobody misses anything."""
    seen = series.arrivals
    if _is_stated(evidence, series):
        return ""
    for step in evidence.steps:
        if missing := step.missing.get(seen.series_instance_uid, 0):
            return f"{seen.label}: the procedure step names {missing} images that have not come"
    if evidence.source and (missing := evidence.source.missing.get(seen.series_instance_uid, 0)):
        return f"{seen.label}: {evidence.source.peer} has {missing} images that have not come"
    return f"{seen.label}: {series.missing}" if series.missing else ""


def _quiet(evidence: Evidence, policy: CompletenessSettings) -> _Due:
    """How long silence must last where nobody states or misses anything.

    A release says that an association is over, not that the exam is: a modality may open one for each series. How
    long a pause this sender makes between them is learned; until it is known, a release means little.
    """
    manner = evidence.manner
    pause = min(PAUSE_MARGIN * manner.longest_pause.total_seconds(), policy.longest_wait)
    if not all(series.arrivals.is_released for series in evidence.series):
        return _silence(max(policy.missing_wait, pause), "sender has not released, ")
    if manner.exams < KNOWN_AFTER:
        return _silence(max(policy.exam_quiet, pause), "sender released, but is not known yet; ")
    due = _silence(min(policy.series_quiet + pause, policy.longest_wait), "sender released, ")
    if not all(series.regular for series in evidence.series):
        return due
    return _Due(after=due.after, reason=f"{due.reason}, all volumes regular", confidence=Confidence.SUPPORTED)


def _silence(seconds: float, before: str = "") -> _Due:
    return _Due(after=seconds, reason=f"{before}nothing new for {seconds:g} s", confidence=Confidence.TIMED)
