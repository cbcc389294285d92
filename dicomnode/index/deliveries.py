"""The outbox in the index: what still has to go to a peer or to be proven there, and what the peer said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import get_args

from sqlalchemy import ColumnElement, and_, select

from dicomnode.domain.delivery import Delivered, DeliveryState, Parcel, Receipt, Reference, Verdict
from dicomnode.domain.identity import Digest, SOPClassUID, SOPInstanceUID
from dicomnode.domain.task import ResultKind
from dicomnode.index.database import Transaction
from dicomnode.index.exams import hold_study
from dicomnode.index.schema import DeliveryRow, EventRow, ObjectRow, TaskRow

_UNDERWAY = (DeliveryState.QUEUED, DeliveryState.WAITING)
_OPEN_TO = {
    DeliveryState.PROVEN: (*_UNDERWAY, DeliveryState.DELIVERED, DeliveryState.UNPROVEN, DeliveryState.PARKED),
    DeliveryState.DELIVERED: (DeliveryState.DELIVERED,),
    DeliveryState.UNPROVEN: (DeliveryState.DELIVERED,),
    DeliveryState.WAITING: (DeliveryState.DELIVERED, DeliveryState.UNPROVEN),
    DeliveryState.PARKED: (DeliveryState.DELIVERED, DeliveryState.UNPROVEN),
}
"""A verdict applies to a delivery in one of these states: proof is taken gladly at any time, doubt is not."""


_ORDER: tuple[str, ...] = get_args(ResultKind)


def queue(session: Transaction, task_id: Digest, peer: str, kinds: Collection[str], now: datetime) -> bool:
    """Put a task's objects of these kinds into the outbox for a peer; whether there are any."""
    objects = session.scalars(
        select(ObjectRow).where(ObjectRow.task_id == task_id, ObjectRow.kind.in_(kinds)).order_by(ObjectRow.store_key)
    )
    wanted = sorted(objects, key=lambda made: _ORDER.index(made.kind))
    for made in wanted:
        row = session.scalar(
            select(DeliveryRow).where(DeliveryRow.sop_instance_uid == made.sop_instance_uid, DeliveryRow.peer == peer)
        )
        if row is None:
            row = DeliveryRow(sop_instance_uid=made.sop_instance_uid, task_id=task_id, peer=peer, attempts=0)
            session.add(row)
        row.state, row.status, row.reason = DeliveryState.QUEUED, None, ""
        row.queued = row.updated = now
    session.flush()
    return bool(wanted)


def meant_for(session: Transaction, task_id: Digest) -> frozenset[str]:
    """Names of the peers that something of a task was ever put into the outbox for."""
    return frozenset(session.scalars(select(DeliveryRow.peer).where(DeliveryRow.task_id == task_id).distinct()))


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
            kind=made.kind,
            store_key=made.store_key,
            attempts=delivery.attempts,
            queued=delivery.queued,
        )
        for delivery, made in rows
    ]


def standing(session: Transaction, task_id: Digest, peer: str) -> dict[str, set[DeliveryState]]:
    """For each kind of object a task has made: the states of its deliveries to a peer."""
    rows = session.execute(
        select(ObjectRow.kind, DeliveryRow.state)
        .outerjoin(
            DeliveryRow,
            and_(DeliveryRow.sop_instance_uid == ObjectRow.sop_instance_uid, DeliveryRow.peer == peer),
        )
        .where(ObjectRow.task_id == task_id)
    )
    states: dict[str, set[DeliveryState]] = {}
    for kind, state in rows:
        states.setdefault(kind, set()).update({DeliveryState(state)} if state else ())
    return states


def note(session: Transaction, receipts: Sequence[Receipt], now: datetime) -> None:
    """Write what a peer said of a task's objects; what was withdrawn meanwhile stays so unless it did arrive."""
    if not receipts:
        return
    first = session.get_one(DeliveryRow, receipts[0].delivery_id)
    study = session.get_one(TaskRow, first.task_id).study_instance_uid
    hold_study(session, study)
    for receipt in receipts:
        row = session.get_one(DeliveryRow, receipt.delivery_id, with_for_update=True)
        proven = row.state == DeliveryState.PROVEN  # by a late report, while it was sent again
        if proven or (row.state not in _UNDERWAY and receipt.state != DeliveryState.DELIVERED):
            continue
        row.state, row.status, row.reason = receipt.state, receipt.status, receipt.reason
        row.attempts += 1
        row.updated = now
        if receipt.state == DeliveryState.DELIVERED:
            row.delivered, row.transaction_uid, row.asked = now, "", None
    session.flush()
    _tell(session, study, first.peer, receipts, now)


def unproven(session: Transaction, task_id: Digest, peer: str) -> list[Delivered]:
    """What a task has delivered to a peer and the peer has not yet said to keep, in the order it was made."""
    return delivered(
        session,
        DeliveryRow.task_id == task_id,
        DeliveryRow.peer == peer,
        DeliveryRow.state == DeliveryState.DELIVERED,
    )


def delivered(session: Transaction, *which: ColumnElement[bool]) -> list[Delivered]:
    """Deliveries, as far as their proof is concerned."""
    rows = session.execute(
        select(DeliveryRow, ObjectRow)
        .join(ObjectRow, ObjectRow.sop_instance_uid == DeliveryRow.sop_instance_uid)
        .where(*which)
        .order_by(DeliveryRow.id)
    )
    return [
        Delivered(
            delivery_id=delivery.id,
            reference=Reference(sop_class_uid=made.sop_class_uid, sop_instance_uid=made.sop_instance_uid),
            store_key=made.store_key,
            attempts=delivery.attempts,
            queued=delivery.queued,
            delivered=delivery.delivered or delivery.updated,
            transaction_uid=delivery.transaction_uid,
            asked=delivery.asked,
        )
        for delivery, made in rows
    ]


def decide(session: Transaction, verdicts: Sequence[Verdict], now: datetime) -> list[Verdict]:
    """Write what proof came to; returns what of it still applied."""
    if not verdicts:
        return []
    first = session.get_one(DeliveryRow, verdicts[0].delivery_id)
    study = session.get_one(TaskRow, first.task_id).study_instance_uid
    hold_study(session, study)
    applied = []
    for verdict in verdicts:
        row = session.get_one(DeliveryRow, verdict.delivery_id, with_for_update=True)
        if row.state not in _OPEN_TO[verdict.state]:
            continue
        row.state, row.reason, row.updated = verdict.state, verdict.reason, now
        if verdict.state == DeliveryState.DELIVERED:  # to be asked about again
            row.transaction_uid, row.asked = "", None
        applied.append(verdict)
    session.flush()
    _tell(session, study, first.peer, applied, now)
    return applied


def _tell(
    session: Transaction, study: str, peer: str, receipts: Sequence[Receipt] | Sequence[Verdict], now: datetime
) -> None:
    """One event for each state, not one for each of hundreds of objects."""
    for state in sorted({receipt.state for receipt in receipts}):
        same = [receipt for receipt in receipts if receipt.state == state]
        reason = next((receipt.reason for receipt in same if receipt.reason), "")
        text = f"{len(same)} objects {state} at {peer}" + (f": {reason}" if reason else "")
        session.add(EventRow(at=now, study_instance_uid=study, subject="delivery", text=text))


def underway(session: Transaction) -> list[tuple[Digest, int, str]]:
    """(task id, attempt, peer) of every delivery that has not ended."""
    return _in_states(session, *_UNDERWAY)


def to_prove(session: Transaction) -> list[tuple[Digest, int, str]]:
    """(task id, attempt, peer) of everything that was acknowledged and not yet proven."""
    return _in_states(session, DeliveryState.DELIVERED)


def _in_states(session: Transaction, *states: DeliveryState) -> list[tuple[Digest, int, str]]:
    rows = session.execute(
        select(DeliveryRow.task_id, TaskRow.attempt, DeliveryRow.peer)
        .join(TaskRow, TaskRow.task_id == DeliveryRow.task_id)
        .where(DeliveryRow.state.in_(states))
        .distinct()
    )
    return [(Digest(task_id), attempt, peer) for task_id, attempt, peer in rows]
