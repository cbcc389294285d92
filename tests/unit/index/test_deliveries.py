"""The outbox: what a peer said is written once and read back as what is left to do."""

from __future__ import annotations

from dicomnode.domain.delivery import DeliveryState, Receipt
from dicomnode.index import deliveries, exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import STUDY, assessment, at, instance, planned, result, stack

TASK = planned("a", stack("1.1", "1.2"))


def _two_parcels(database: Database) -> tuple[int, int]:
    Intake(database).record(instance("1.1"), at(0))
    Intake(database).record(instance("1.2"), at(0))
    with database.write() as session:
        (arrivals,) = exams.open_exams(session)
        exams.write_assessment(session, arrivals.exam_id, assessment(TASK), at(10))
        tasks.plan(session, arrivals.exam_id, [TASK], at(10))
        tasks.start(session, TASK.task_id, 1, at(11))
        made = [(result("7.1", "SR"), instance("7.1").stored), (result("7.2", "SEG"), instance("7.2").stored)]
        tasks.finish(session, TASK.task_id, 1, made, [("pacs", frozenset({"SR", "SEG"}))], at(12))
        first, second = deliveries.pending(session, TASK.task_id, "pacs")
        return first.delivery_id, second.delivery_id


def _receipt(delivery_id: int, state: DeliveryState, status: int | None, reason: str = "") -> Receipt:
    return Receipt(delivery_id=delivery_id, state=state, status=status, reason=reason)


def test_what_waits_is_left_to_do_and_what_arrived_is_not(database: Database) -> None:
    first, second = _two_parcels(database)
    with database.write() as session:
        receipts = [
            _receipt(first, DeliveryState.DELIVERED, 0),
            _receipt(second, DeliveryState.WAITING, 0xA700, "disk full"),
        ]
        deliveries.note(session, receipts, at(13))
        (left,) = deliveries.pending(session, TASK.task_id, "pacs")
        assert (left.delivery_id, left.attempts, left.queued) == (second, 1, at(12))
        assert deliveries.underway(session) == [(TASK.task_id, 1, "pacs")]
        deliveries.note(session, [_receipt(second, DeliveryState.PARKED, 0xA900, "refused")], at(14))
        assert deliveries.pending(session, TASK.task_id, "pacs") == []
        assert deliveries.underway(session) == []
    with database.read() as session:
        states = [(made["state"], made["status"], made["attempts"]) for made in views.objects(session, STUDY)]
        texts = [event["text"] for event in views.events(session, STUDY) if event["subject"] == "delivery"]
    assert states == [(DeliveryState.DELIVERED, 0, 1), (DeliveryState.PARKED, 0xA900, 2)]
    assert texts == [
        "1 objects delivered at pacs",
        "1 objects waiting at pacs: disk full",
        "1 objects parked at pacs: refused",
    ]


def test_a_withdrawn_parcel_stays_withdrawn_unless_it_did_arrive(database: Database) -> None:
    first, second = _two_parcels(database)
    with database.write() as session:
        tasks.retry(session, TASK.task_id, at(13))
        tasks.end(session, TASK.task_id, 2, tasks.TaskState.CANCELLED, "by hand", at(14))
        receipts = [
            _receipt(first, DeliveryState.WAITING, None, "gone"),
            _receipt(second, DeliveryState.DELIVERED, 0),
        ]
        deliveries.note(session, receipts, at(15))
    with database.read() as session:
        states = [made["state"] for made in views.objects(session, STUDY)]
    assert states == [DeliveryState.WITHDRAWN, DeliveryState.DELIVERED]
