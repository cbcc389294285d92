"""The outbox in the index: what still has to go to a peer, and what the peer said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from dicomnode.domain.delivery import DeliveryState, Parcel, Receipt
from dicomnode.domain.identity import Digest, SOPClassUID, SOPInstanceUID
from dicomnode.index.database import Transaction
from dicomnode.index.exams import hold_study
from dicomnode.index.schema import DeliveryRow, EventRow, ObjectRow, TaskRow

_UNDERWAY = (DeliveryState.QUEUED, DeliveryState.WAITING)


def pending(session: Transaction, task_id: Digest, peer: str) -> list[Parcel]:
    """What a task still has to bring to a peer, in the order it was made."""
    rows = session.execute(
        select(DeliveryRow, ObjectRow)
        .join(ObjectRow, ObjectRow.sop_instance_uid == DeliveryRow.sop_instance_uid)
        .where(DeliveryRow.task_id == task_id, DeliveryRow.peer == peer, DeliveryRow.state.in_(_UNDERWAY))
        .order_by(DeliveryRow.id)
    )
    return [
        Parcel(
            delivery_id=delivery.id,
            sop_instance_uid=SOPInstanceUID(made.sop_instance_uid),
            sop_class_uid=SOPClassUID(made.sop_class_uid),
            store_key=made.store_key,
            attempts=delivery.attempts,
            queued=delivery.queued,
        )
        for delivery, made in rows
    ]


def note(session: Transaction, receipts: Sequence[Receipt], now: datetime) -> None:
    """Write what a peer said of a task's objects; what was withdrawn meanwhile stays so unless it did arrive."""
    if not receipts:
        return
    first = session.get_one(DeliveryRow, receipts[0].delivery_id)
    study = session.get_one(TaskRow, first.task_id).study_instance_uid
    hold_study(session, study)
    for receipt in receipts:
        row = session.get_one(DeliveryRow, receipt.delivery_id, with_for_update=True)
        if row.state not in _UNDERWAY and receipt.state != DeliveryState.DELIVERED:
            continue
        row.state, row.status, row.reason = receipt.state, receipt.status, receipt.reason
        row.attempts += 1
        row.updated = now
    session.flush()
    _tell(session, study, first.peer, receipts, now)


def _tell(session: Transaction, study: str, peer: str, receipts: Sequence[Receipt], now: datetime) -> None:
    """One event for each state, not one for each of hundreds of objects."""
    for state in sorted({receipt.state for receipt in receipts}):
        same = [receipt for receipt in receipts if receipt.state == state]
        reason = next((receipt.reason for receipt in same if receipt.reason), "")
        text = f"{len(same)} objects {state} at {peer}" + (f": {reason}" if reason else "")
        session.add(EventRow(at=now, study_instance_uid=study, subject="delivery", text=text))


def underway(session: Transaction) -> list[tuple[Digest, int, str]]:
    """(task id, attempt, peer) of every delivery that has not ended."""
    rows = session.execute(
        select(DeliveryRow.task_id, TaskRow.attempt, DeliveryRow.peer)
        .join(TaskRow, TaskRow.task_id == DeliveryRow.task_id)
        .where(DeliveryRow.state.in_(_UNDERWAY))
        .distinct()
    )
    return [(Digest(task_id), attempt, peer) for task_id, attempt, peer in rows]
