"""The workflows at their edges: a database that goes away, and deliveries that were given up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dicomnode.domain.task import TaskState
from dicomnode.index import exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.pipeline import Pipeline
from tests.values import STUDY, assessment, at, instance, planned, result, stack

TASK = planned("a", stack("1.1"))


class _Submitter:
    """Remembers what is submitted; what is alive it is told."""

    def __init__(self, *alive: str) -> None:
        self._alive, self.submitted = set(alive), list[str]()

    def submit(self, session: object, workflow: str, workflow_id: str, *arguments: object, delay_s: float = 0) -> None:
        del session, workflow, arguments, delay_s
        self.submitted.append(workflow_id)

    def alive(self) -> set[str]:
        return self._alive


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    Intake(opened).record(instance("1.1"), at(0))
    with opened.write() as session:
        (arrivals,) = exams.open_exams(session)
        exams.write_assessment(session, arrivals.exam_id, assessment(TASK), at(10))
        tasks.plan(session, arrivals.exam_id, [TASK], at(10))
    yield opened
    opened.close()


def _pipeline(**parts: Any) -> Pipeline:
    return Pipeline(SimpleNamespace(now=lambda: at(20), **parts))  # type: ignore[arg-type]


def test_a_database_that_goes_away_is_no_failure_of_the_task(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = _pipeline(database=database)

    def away(_task: object) -> None:
        raise OperationalError("SELECT 1", None, ConnectionError("the server restarts"))

    monkeypatch.setattr(pipeline, "_results", away)
    with pytest.raises(OperationalError):
        pipeline.execute(TASK.task_id, 1)
    with database.read() as session:
        (task,) = views.tasks(session, STUDY)
    assert task["state"] == TaskState.RUNNING


def test_a_delivery_that_was_given_up_is_seen_beside_one_to_a_peer_whose_name_begins_alike(database: Database) -> None:
    routes = [("pacs", frozenset({"SR"})), ("pacs-2", frozenset({"SR"}))]
    with database.write() as session:
        tasks.start(session, TASK.task_id, 1, at(11))
        tasks.finish(session, TASK.task_id, 1, [(result("7.1"), instance("7.1").stored)], routes, at(12))
    both = _Submitter()
    _pipeline(database=database, submitter=both).reconcile()
    assert len(both.submitted) == 2
    lost = next(workflow for workflow in both.submitted if "pacs-2" not in workflow)
    one = _Submitter(*(workflow for workflow in both.submitted if workflow != lost))
    _pipeline(database=database, submitter=one).reconcile()
    assert one.submitted == [lost]
