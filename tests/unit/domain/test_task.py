"""The states of a task."""

from __future__ import annotations

from typing import get_args

from dicomnode import settings
from dicomnode.domain.task import ENDED, ResultKind, TaskState


def test_a_task_that_waits_or_runs_has_not_ended() -> None:
    assert set(TaskState) - ENDED == {TaskState.QUEUED, TaskState.RUNNING}


def test_a_peer_can_be_given_every_kind_of_result_object() -> None:
    assert get_args(settings.ResultKind) == get_args(ResultKind)
