"""Which exams may go: only what has ended, is proven where it belongs, and is old enough."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.retention import HeldTask, Holding
from dicomnode.domain.task import ENDED, TaskState
from dicomnode.settings import RetentionSettings

_UNENDED = (Outcome.PENDING, Outcome.HELD)
_NOT_OWED = (DeliveryState.REPLACED, DeliveryState.WITHDRAWN)
"""The object has no business at that peer: another stands in for it, or it became obsolete before it left."""


def why_stays(holding: Holding, policy: RetentionSettings, unasked: Collection[str], now: datetime) -> str:
    """Why an exam must stay; empty when it may go.

    Parameters
    ----------
    unasked : collection of str
        Configured peers that are not asked for proof: at them acknowledged is all there is.
    """
    if any(state is not ExamState.ASSESSED for _, state in holding.exams):
        return "it is being received or assessed"
    if any(outcome in _UNENDED for outcome in holding.outcomes):
        return "a series has not ended"
    if any(task.state not in ENDED for task in holding.tasks):
        return "a task has not ended"
    if holding.in_use:
        return "another exam needs it"
    if not all(_is_proven(task, unasked) for task in holding.tasks):
        return "a result is not proven where it belongs"
    if _is_young(holding.last_arrival, policy.exams, now):
        return "its images are too young"
    if holding.last_result is not None and _is_young(holding.last_result, policy.results, now):
        return "its results are too young"
    return ""


def _is_proven(task: HeldTask, unasked: Collection[str]) -> bool:
    owed = [(peer, state) for peer, state in task.deliveries if state not in _NOT_OWED]
    arrived = [
        state is DeliveryState.PROVEN or (state is DeliveryState.DELIVERED and peer in unasked) for peer, state in owed
    ]
    # What was made and went nowhere has its only copy here.
    return all(arrived) and (bool(arrived) or not task.objects or task.state is TaskState.SUPERSEDED)


def _is_young(since: datetime, days: float, now: datetime) -> bool:
    return days == 0 or now - since < timedelta(days=days)
