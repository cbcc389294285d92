"""The states of a task."""

from __future__ import annotations

from dicomnode.domain.task import ENDED, TaskState


def test_a_task_that_waits_or_runs_has_not_ended() -> None:
    assert set(TaskState) - ENDED == {TaskState.QUEUED, TaskState.RUNNING}
