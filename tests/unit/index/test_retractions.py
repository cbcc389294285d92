"""What changed input has made stale is taken back where it has arrived, once."""

from __future__ import annotations

import pytest

from dicomnode.domain.delivery import DeliveryState, Receipt
from dicomnode.domain.exam import PlannedTask
from dicomnode.domain.identity import Digest
from dicomnode.domain.task import TaskState
from dicomnode.index import deliveries, exams, retractions, tasks, views
from dicomnode.index.database import Database, Transaction
from dicomnode.index.intake import Intake
from dicomnode.index.schema import DeliveryRow
from tests.values import STUDY, assessment, at, instance, planned, result, stack

OLD, NEW = planned("old", stack("1.1", "1.2")), planned("new", stack("1.1", "1.2", "1.3"))
NOTE = result("9.1", "KOS")
KINDS = frozenset({"SR", "SEG", "KOS"})
PEERS = frozenset({"pacs", "viewer"})


@pytest.fixture
def arrived(database: Database) -> Database:
    """The results of a task stand at one of two peers; then the exam changes."""
    for uid in ("1.1", "1.2"):
        Intake(database).record(instance(uid), at(0))
    _assessed(database, OLD, 10)
    with database.write() as session:
        tasks.start(session, OLD.task_id, 1, at(11))
        made = [(result("7.1", "SR"), instance("7.1").stored), (result("7.2", "SEG"), instance("7.2").stored)]
        tasks.finish(session, OLD.task_id, 1, made, [("pacs", KINDS), ("viewer", KINDS)], at(12))
        _deliver(session, "pacs")
    Intake(database).record(instance("1.3"), at(20))
    _assessed(database, NEW, 30)
    return database


def _assessed(database: Database, task: PlannedTask, seconds: float) -> list[tuple[Digest, int]]:
    with database.write() as session:
        (arrivals,) = exams.open_exams(session)
        exams.write_assessment(session, arrivals.exam_id, assessment(task), at(seconds))
        return tasks.plan(session, arrivals.exam_id, tasks.fresh(session, [task]), at(seconds))


def _deliver(session: Transaction, peer: str) -> None:
    for parcel in deliveries.pending(session, OLD.task_id, peer):
        receipt = Receipt(delivery_id=parcel.delivery_id, state=DeliveryState.DELIVERED, status=0, reason="")
        deliveries.note(session, [receipt], at(13))


def test_what_has_arrived_is_stale_and_what_has_not_is_withdrawn(arrived: Database) -> None:
    with arrived.read() as session:
        (stale,) = retractions.stale(session, PEERS)
        assert (stale.task_id, stale.peers, len(stale.store_keys)) == (OLD.task_id, ("pacs",), 2)
        assert retractions.stale(session, {"viewer"}) == []
        assert retractions.stale(session, PEERS, NEW.task_id) == []


def test_a_note_goes_once_to_each_peer_that_holds_something(arrived: Database) -> None:
    with arrived.write() as session:
        (stale,) = retractions.stale(session, PEERS)
        assert not retractions.exists(session, OLD.task_id)
        assert retractions.take_back(session, stale, NOTE, instance("9.1").stored, at(31))
        assert retractions.exists(session, OLD.task_id)
        assert retractions.stale(session, PEERS) == []
        assert [p.sop_instance_uid for p in deliveries.pending(session, OLD.task_id, "pacs")] == ["9.1"]
        assert deliveries.pending(session, OLD.task_id, "viewer") == []
        assert views.events(session, STUDY)[-1]["text"] == (
            "2 stale objects are taken back by a rejection note for pacs"
        )


def test_a_delivery_that_was_on_its_way_is_taken_back_too_by_the_same_note(arrived: Database) -> None:
    with arrived.write() as session:
        (stale,) = retractions.stale(session, PEERS)
        retractions.take_back(session, stale, NOTE, instance("9.1").stored, at(31))
        (late,) = [o for o in views.objects(session, STUDY) if (o["peer"], o["kind"]) == ("viewer", "SR")]
        assert late["state"] == "withdrawn"
        row = session.query(DeliveryRow).filter_by(peer="viewer", sop_instance_uid="7.1").one()
        receipt = Receipt(delivery_id=row.id, state=DeliveryState.DELIVERED, status=0, reason="")
        deliveries.note(session, [receipt], at(32))
        (stale,) = retractions.stale(session, PEERS)
        assert stale.peers == ("viewer",)
        assert not retractions.take_back(session, stale, NOTE, instance("other").stored, at(33))
        assert retractions.stale(session, PEERS) == []


def test_a_report_names_the_one_it_replaces(arrived: Database) -> None:
    with arrived.read() as session:
        key = instance("7.1").stored.key
        assert retractions.predecessor(session, NEW.task_id, same_series=False) == key
        assert retractions.predecessor(session, NEW.task_id, same_series=True) == key
        assert retractions.predecessor(session, OLD.task_id, same_series=False) is None


def test_results_that_were_taken_back_are_never_sent_again_under_their_uids(arrived: Database) -> None:
    with arrived.write() as session:
        (stale,) = retractions.stale(session, PEERS)
        retractions.take_back(session, stale, NOTE, instance("9.1").stored, at(31))
    Intake(arrived).record(instance("1.4"), at(40))
    ((again, attempt),) = _assessed(arrived, OLD, 50)
    assert (again != OLD.task_id, attempt) == (True, 1)
    Intake(arrived).record(instance("1.5"), at(60))
    assert _assessed(arrived, OLD, 70) == []
    with arrived.read() as session:
        states = {task["task_id"]: task["state"] for task in views.tasks(session, STUDY)}
    assert states == {OLD.task_id: "superseded", NEW.task_id: TaskState.SUPERSEDED, again: "queued"}


def test_a_note_that_cannot_be_written_is_said(arrived: Database) -> None:
    with arrived.write() as session:
        (stale,) = retractions.stale(session, PEERS)
        retractions.give_up(session, stale, "CheckFailed", at(31))
        assert views.events(session, STUDY)[-1]["text"] == (
            "stale objects stay visible at pacs: no rejection note could be written (CheckFailed)"
        )
