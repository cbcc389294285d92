"""Tasks: planned once, superseded by changed input, ended with an outcome for each series they use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.domain.delivery import DeliveryState, Receipt
from dicomnode.domain.exam import Outcome, PlannedTask
from dicomnode.domain.task import TaskState
from dicomnode.index import deliveries, exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import STUDY, assessment, at, instance, planned, result, stack

ROUTES = [("pacs", frozenset({"SR", "SEG"})), ("archive", frozenset({"SC"}))]


def _assessed(database: Database, *plan: PlannedTask, uids: tuple[str, ...] = ("1.1", "1.2")) -> list[tuple[str, int]]:
    intake = Intake(database)
    for uid in uids:
        intake.record(instance(uid), at(0))
    with database.write() as session:
        (arrivals,) = exams.open_exams(session)
        exams.write_assessment(session, arrivals.exam_id, assessment(*plan), at(10))
        return tasks.plan(session, arrivals.exam_id, plan, at(10))


def _series(database: Database) -> tuple[str, str]:
    with database.read() as session:
        (series,) = views.series(session, STUDY)
    return series["outcome"], series["reason"]


def _done(database: Database, task: PlannedTask, attempt: int = 1) -> tuple[str, ...] | None:
    made = [(result("7.1", "SR"), instance("7.1").stored), (result("7.2", "SEG"), instance("7.2").stored)]
    with database.write() as session:
        if tasks.has_results(session, task.task_id):
            made = []
        assert tasks.start(session, task.task_id, attempt, at(11))
        return tasks.finish(session, task.task_id, attempt, made, ROUTES, at(12))


def test_a_task_is_loaded_with_its_instances_in_slice_order(database: Database) -> None:
    task = planned("a", stack("1.2", "1.1"))
    assert _assessed(database, task) == [(task.task_id, 1)]
    with database.read() as session:
        loaded = tasks.load(session, task.task_id)
    assert [i.header.sop_instance_uid for i in loaded.inputs[0].instances] == ["1.2", "1.1"]
    assert loaded.inputs[0].geometry == task.inputs[0].stack.geometry
    assert (loaded.parameters, loaded.plugin, loaded.state) == ({"noise_gate": 5.0}, "fat_fraction", TaskState.QUEUED)
    assert _series(database) == (Outcome.PENDING, "fat_fraction queued")


def test_a_frame_of_reference_longer_than_a_uid_does_not_keep_an_exam_from_its_tasks(database: Database) -> None:
    long = "1." * 50 + "1"
    task = planned("a", replace(stack("1.1"), frame_of_reference_uid=long))
    _assessed(database, task)
    with database.read() as session:
        assert tasks.load(session, task.task_id).inputs[0].frame_of_reference_uid == long


def test_results_are_committed_with_their_outbox(database: Database) -> None:
    task = planned("a", stack("1.1", "1.2"))
    _assessed(database, task)
    assert _done(database, task) == ("pacs",)
    with database.read() as session:
        parcels = deliveries.pending(session, task.task_id, "pacs")
        assert deliveries.pending(session, task.task_id, "archive") == []
    assert [parcel.sop_instance_uid for parcel in parcels] == ["7.2", "7.1"], "the report comes last"
    assert _series(database) == (Outcome.DONE, "fat_fraction done: 1 SEG, 1 SR for pacs")


def test_a_later_attempt_delivers_the_objects_of_the_first_again(database: Database) -> None:
    task = planned("a", stack("1.1", "1.2"))
    _assessed(database, task)
    _done(database, task)
    with database.write() as session:
        assert tasks.finish(session, task.task_id, 1, [], ROUTES, at(13)) is None
        assert tasks.retry(session, task.task_id, at(14)) == 2
    assert _done(database, task, attempt=2) == ("pacs",)
    with database.read() as session:
        assert [made["state"] for made in views.objects(session, STUDY)] == [DeliveryState.QUEUED] * 2


def test_changed_input_supersedes_and_withdraws(database: Database) -> None:
    first, second = planned("a", stack("1.1", "1.2")), planned("b", stack("1.1", "1.2", "1.3"))
    _assessed(database, first)
    _done(database, first)
    with database.write() as session:
        parcels = deliveries.pending(session, first.task_id, "pacs")
        deliveries.note(session, [_receipt(parcels[0].delivery_id, DeliveryState.DELIVERED)], at(13))
    assert _assessed(database, second, uids=("1.3",)) == [(second.task_id, 1)]
    with database.read() as session:
        states = {task["task_id"]: task["state"] for task in views.tasks(session, STUDY)}
        moved = {made["sop_instance_uid"]: made["state"] for made in views.objects(session, STUDY)}
    assert states == {first.task_id: TaskState.SUPERSEDED, second.task_id: TaskState.QUEUED}
    assert moved == {"7.2": DeliveryState.DELIVERED, "7.1": DeliveryState.WITHDRAWN}
    assert _series(database) == (Outcome.PENDING, "fat_fraction queued")
    with database.write() as session:
        assert tasks.retry(session, first.task_id, at(30)) is None


def test_a_superseded_attempt_cannot_write_its_results(database: Database) -> None:
    first, second = planned("a", stack("1.1", "1.2")), planned("b", stack("1.1", "1.2", "1.3"))
    _assessed(database, first)
    with database.write() as session:
        assert tasks.start(session, first.task_id, 1, at(11))
    _assessed(database, second, uids=("1.3",))
    with database.write() as session:
        made = [(result("7.1"), instance("7.1").stored)]
        assert tasks.finish(session, first.task_id, 1, made, ROUTES, at(20)) is None
    with database.read() as session:
        assert views.objects(session, STUDY) == []


def test_the_same_inputs_in_a_later_revision_are_the_same_task(database: Database) -> None:
    task = planned("a", stack("1.1", "1.2"))
    _assessed(database, task)
    _done(database, task)
    assert _assessed(database, task, uids=("1.9",)) == []
    assert _series(database)[0] == Outcome.DONE


def test_input_that_returns_to_what_it_was_runs_again(database: Database) -> None:
    first, second = planned("a", stack("1.1", "1.2")), planned("b", stack("1.1", "1.2", "1.3"))
    _assessed(database, first)
    _assessed(database, second, uids=("1.3",))
    assert _assessed(database, first, uids=("1.4",)) == [(first.task_id, 2)]


@pytest.mark.parametrize(
    ("state", "outcome"), [(TaskState.FAILED, Outcome.FAILED), (TaskState.NOT_APPLICABLE, Outcome.NOT_APPLICABLE)]
)
def test_an_end_without_results_is_the_outcome_of_the_series(
    database: Database, state: TaskState, outcome: Outcome
) -> None:
    task = planned("a", stack("1.1", "1.2"))
    _assessed(database, task)
    with database.write() as session:
        tasks.start(session, task.task_id, 1, at(11))
        tasks.end(session, task.task_id, 1, state, "the reason", at(12))
        tasks.end(session, task.task_id, 1, TaskState.DONE, "too late", at(13))
    assert _series(database) == (outcome, f"fat_fraction {state}: the reason")


def test_a_reason_that_no_database_can_hold_is_kept_readable(database: Database) -> None:
    task = planned("a", stack("1.1", "1.2"))
    _assessed(database, task)
    with database.write() as session:
        tasks.end(session, task.task_id, 1, TaskState.NOT_APPLICABLE, "coil 'BODY\0' \udcff is unknown", at(12))
    assert _series(database) == (
        Outcome.NOT_APPLICABLE,
        r"fat_fraction not applicable: coil 'BODY\x00' \udcff is unknown",
    )


def test_the_loudest_task_decides_the_outcome_of_a_series() -> None:
    done, failed = ("a", TaskState.DONE, "1 SR"), ("b", TaskState.FAILED, "crashed")
    assert tasks.outcome_of([done, failed]) == (Outcome.FAILED, "a done: 1 SR; b failed: crashed")
    assert tasks.outcome_of([done, ("c", TaskState.QUEUED, "")])[0] == Outcome.PENDING
    assert tasks.outcome_of([done, ("c", TaskState.NOT_APPLICABLE, "no")])[0] == Outcome.DONE


def _receipt(delivery_id: int, state: DeliveryState) -> Receipt:
    return Receipt(delivery_id=delivery_id, state=state, status=0, reason="")


def test_an_input_that_was_not_used_is_said_with_the_result_and_when_the_task_is_planned_again(
    database: Database,
) -> None:
    task = planned("a", stack("1.1", "1.2"))
    _assessed(database, task)
    with database.write() as session:
        tasks.note_unused(session, task.task_id, {"mask": "its segments overlap"})
        tasks.note_unused(session, task.task_id, {"mask": "its segments overlap"})
    _done(database, task)
    said = "1 SEG, 1 SR for pacs; mask: not used: its segments overlap"
    assert _series(database) == (Outcome.DONE, f"fat_fraction done: {said}")
    _assessed(database, task, uids=("1.3",))
    with database.read() as session:
        assert [entry["notes"] for entry in views.tasks(session)] == [["mask: not used: its segments overlap"]]
