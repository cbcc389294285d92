"""An exam goes only when everything of it has ended, is proven and is old enough; each single doubt keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.deliver.retention import why_stays
from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.retention import HeldTask, Holding
from dicomnode.domain.task import ENDED, TaskState
from dicomnode.settings import RetentionSettings
from tests.values import NOON, STUDY, digest

POLICY = RetentionSettings(exams=30, results=90)
TASK = HeldTask(
    task_id=digest("a"),
    attempt=1,
    state=TaskState.DONE,
    objects=2,
    deliveries=(("pacs", DeliveryState.PROVEN), ("viewer", DeliveryState.DELIVERED)),
)
HOLDING = Holding(
    study_instance_uid=STUDY,
    exams=((1, ExamState.ASSESSED),),
    outcomes=(Outcome.DONE, Outcome.NOT_APPLICABLE),
    tasks=(TASK,),
    in_use=False,
    last_arrival=NOON,
    last_result=NOON,
)
LATER = NOON + timedelta(days=90)


def verdict(holding: Holding, policy: RetentionSettings = POLICY, days: float = 90) -> str:
    return why_stays(holding, policy, {"viewer"}, NOON + timedelta(days=days))


def with_task(**changed: object) -> Holding:
    return replace(HOLDING, tasks=(TASK, replace(TASK, **changed)))


def test_what_has_ended_is_proven_and_old_goes() -> None:
    assert verdict(HOLDING) == ""
    assert verdict(replace(HOLDING, tasks=(), last_result=None), days=30) == ""


@pytest.mark.parametrize(
    ("holding", "why"),
    [
        *[
            (replace(HOLDING, exams=((1, ExamState.ASSESSED), (2, state))), "it is being received or assessed")
            for state in (ExamState.OPEN, ExamState.ASSESSING)
        ],
        *[
            (replace(HOLDING, outcomes=(Outcome.DONE, outcome)), "a series has not ended")
            for outcome in (Outcome.PENDING, Outcome.HELD)
        ],
        *[(with_task(state=state), "a task has not ended") for state in (TaskState.QUEUED, TaskState.RUNNING)],
        (replace(HOLDING, in_use=True), "another exam needs it"),
        *[
            (with_task(deliveries=(("viewer", state),)), "a result is not proven where it belongs")
            for state in (DeliveryState.QUEUED, DeliveryState.WAITING, DeliveryState.UNPROVEN, DeliveryState.PARKED)
        ],
        (with_task(deliveries=(("pacs", DeliveryState.DELIVERED),)), "a result is not proven where it belongs"),
        (with_task(deliveries=(("left", DeliveryState.DELIVERED),)), "a result is not proven where it belongs"),
        (with_task(deliveries=()), "a result is not proven where it belongs"),
        (with_task(deliveries=(("pacs", DeliveryState.REPLACED),)), "a result is not proven where it belongs"),
    ],
)
def test_one_doubt_keeps_it(holding: Holding, why: str) -> None:
    assert verdict(holding) == why


def test_both_ages_must_be_reached() -> None:
    assert verdict(HOLDING, days=29.9) == "its images are too young"
    assert verdict(HOLDING, days=89.9) == "its results are too young"


def test_no_days_keep_for_ever() -> None:
    assert verdict(HOLDING, RetentionSettings(), 36500) == "its images are too young"
    assert verdict(HOLDING, RetentionSettings(exams=1), 36500) == "its results are too young"
    assert verdict(replace(HOLDING, tasks=(), last_result=None), RetentionSettings(exams=1), 1) == ""


def test_what_was_superseded_before_it_left_keeps_nothing() -> None:
    assert verdict(with_task(state=TaskState.SUPERSEDED, deliveries=(("pacs", DeliveryState.WITHDRAWN),))) == ""
    assert verdict(with_task(state=TaskState.FAILED, objects=0, deliveries=())) == ""


def mostly(*good: object) -> st.SearchStrategy[Any]:
    """One of these, now and then any other of their kind: pure chance would hardly ever let an exam go."""
    return st.sampled_from([*good * 6, *type(good[0])])  # type: ignore[call-overload]


_TASKS = st.builds(
    HeldTask,
    task_id=st.just(digest("a")),
    attempt=st.just(1),
    state=mostly(TaskState.DONE, TaskState.SUPERSEDED),
    objects=st.integers(0, 2),
    deliveries=st.lists(
        st.tuples(st.sampled_from(("pacs", "viewer", "left")), mostly(DeliveryState.PROVEN)), max_size=3
    ).map(tuple),
)
_HOLDINGS = st.builds(
    Holding,
    study_instance_uid=st.just(STUDY),
    exams=st.lists(st.tuples(st.integers(1, 3), mostly(ExamState.ASSESSED)), max_size=2).map(tuple),
    outcomes=st.lists(mostly(Outcome.DONE), max_size=2).map(tuple),
    tasks=st.lists(_TASKS, max_size=2).map(tuple),
    in_use=st.just(False),
    last_arrival=st.just(NOON),
    last_result=st.just(NOON),
)


@settings(max_examples=400)
@given(_HOLDINGS)
def test_nothing_unproven_ever_goes(holding: Holding) -> None:
    if verdict(holding) == "":
        doubtful = {DeliveryState.QUEUED, DeliveryState.WAITING, DeliveryState.UNPROVEN, DeliveryState.PARKED}
        places = [place for task in holding.tasks for place in task.deliveries]
        assert doubtful.isdisjoint(state for _, state in places)
        assert all(peer == "viewer" for peer, state in places if state is DeliveryState.DELIVERED)
        assert {Outcome.PENDING, Outcome.HELD}.isdisjoint(holding.outcomes)
        assert all(task.state in ENDED for task in holding.tasks)
        for task in holding.tasks:
            if task.objects and task.state is not TaskState.SUPERSEDED:
                assert {DeliveryState.PROVEN, DeliveryState.DELIVERED} & {state for _, state in task.deliveries}
