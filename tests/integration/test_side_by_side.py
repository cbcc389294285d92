"""Two transactions on one study at the same moment: neither deadlocks, and neither misses what the other wrote."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dicomnode.domain.exam import Assessment, Outcome, SeriesVerdict
from dicomnode.domain.identity import Digest
from dicomnode.domain.task import TaskState
from dicomnode.index import exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.unit.index.conftest import database
from tests.values import SERIES, STUDY, assessment, at, instance, planned, stack

__all__ = ["database"]

_HEAD_START_S = 0.3
"""Long enough for another transaction to come as far as it can while ours is open."""


def _beside(act: Callable[[], object]) -> Callable[[], None]:
    """Begin another transaction; what is returned waits for its end and says what went wrong."""
    errors: list[Exception] = []

    def run() -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    def join() -> None:
        thread.join()
        assert errors == []

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(_HEAD_START_S)
    return join


def _exam(database: Database, *uids: str) -> int:
    for uid in uids:
        Intake(database).record(instance(uid), at(0))
    with database.write() as session:
        (arrivals,) = exams.open_exams(session)
        assert exams.claim(session, arrivals)
    return arrivals.exam_id


def _assess(database: Database, exam_id: int, decided: Assessment, between: Callable[[], None] = lambda: None) -> None:
    with database.write() as session:
        assert exams.lock(session, exam_id)
        between()
        exams.write_assessment(session, exam_id, decided, at(10))
        tasks.plan(session, exam_id, decided.tasks, at(10))


def _end(database: Database, task_id: Digest, between: Callable[[], None] = lambda: None) -> None:
    with database.write() as session:
        tasks.end(session, task_id, 1, TaskState.NOT_APPLICABLE, "no liver", at(12))
        between()


def _series(database: Database) -> tuple[str, str]:
    with database.read() as session:
        (series,) = views.series(session, STUDY)
    return series["outcome"], series["reason"]


def _held() -> Assessment:
    verdict = SeriesVerdict(series_instance_uid=SERIES, outcome=Outcome.HELD, reason="slices are missing")
    return Assessment(stacks=(), tasks=(), refusals=(), verdicts=(verdict,))


def test_two_tasks_that_end_together_leave_their_series_an_outcome(database: Database) -> None:
    one, two = planned("a", stack("1.1"), plugin="a"), planned("b", stack("1.1"), plugin="b")
    _assess(database, _exam(database, "1.1"), assessment(one, two))
    others: list[Callable[[], None]] = []
    _end(database, one.task_id, lambda: others.append(_beside(lambda: _end(database, two.task_id))))
    others[0]()
    assert _series(database) == (Outcome.NOT_APPLICABLE, "a not applicable: no liver; b not applicable: no liver")


def test_an_instance_that_comes_during_the_assessment_opens_the_next_revision(database: Database) -> None:
    def late() -> None:
        Intake(database).record(instance("1.2"), at(11))

    others: list[Callable[[], None]] = []
    _assess(database, _exam(database, "1.1"), _held(), lambda: others.append(_beside(late)))
    others[0]()
    with database.read() as session:
        assert [arrivals.revision for arrivals in exams.open_exams(session)] == [2]
    assert _series(database) == (Outcome.PENDING, "arriving")


def test_a_task_that_ends_while_its_exam_is_assessed_anew_is_superseded(database: Database) -> None:
    task = planned("a", stack("1.1"))
    _assess(database, _exam(database, "1.1"), assessment(task))
    again = _exam(database, "1.2")
    with database.write() as session:
        exams.lock(session, again)
        exams.write_assessment(session, again, _held(), at(20))
        join = _beside(lambda: _end(database, task.task_id))
        tasks.plan(session, again, (), at(20))
    join()
    with database.read() as session:
        (row,) = views.tasks(session, STUDY)
    assert (row["state"], _series(database)[0]) == (TaskState.SUPERSEDED, Outcome.HELD)


def test_an_exam_that_was_assessed_meanwhile_is_not_refused(database: Database) -> None:
    exam_id = _exam(database, "1.1")
    _assess(database, exam_id, assessment(planned("a", stack("1.1"))))
    with database.write() as session:
        exams.refuse(session, exam_id, "not assessed: the node stopped", at(20))
    assert _series(database) == (Outcome.PENDING, "fat_fraction queued")
