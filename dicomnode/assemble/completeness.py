"""Decide whether an exam is complete: a pure function of what arrived, the settings and a clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomnode.domain.exam import Arrivals
from dicomnode.settings import CompletenessSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """The exam may be judged."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """More may come: ask again at ``until``, or when something arrives."""

    until: datetime
    reason: str


def decide(arrivals: Arrivals, policy: CompletenessSettings, now: datetime) -> Complete | Wait:
    """Whether an open exam is complete.

    An exam is complete ``exam_quiet`` seconds after its last instance. A sender that has released its association in
    good order since then has said it is done: then ``series_quiet`` seconds after the release suffice. The release is
    a hint, not a proof, since a modality may open one association for each series.

    Parameters
    ----------
    arrivals : Arrivals
        What came, and when.
    policy : CompletenessSettings
        The two quiet times, seconds.
    now : datetime
        The clock, in the same time zone as the arrivals.
    """
    due = arrivals.last_arrival + timedelta(seconds=policy.exam_quiet)
    reason = f"nothing new for {policy.exam_quiet:g} s"
    if arrivals.last_release is not None and arrivals.last_release >= arrivals.last_arrival:
        sooner = arrivals.last_release + timedelta(seconds=policy.series_quiet)
        if sooner < due:
            due, reason = sooner, f"sender released, nothing new for {policy.series_quiet:g} s"
    return Complete(reason=reason) if now >= due else Wait(until=due, reason=f"waiting for: {reason}")
