"""Storage commitments in the index: what was asked of whom, and which reports were refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from dicomnode.domain import delivery
from dicomnode.domain.delivery import Delivered
from dicomnode.domain.identity import Digest
from dicomnode.index import deliveries
from dicomnode.index.database import Transaction
from dicomnode.index.schema import CommitmentRow, DeliveryRow, RefusedReportRow, TaskRow


def open_(
    session: Transaction, transaction_uid: str, task_id: Digest, peer: str, parcels: Sequence[Delivered], now: datetime
) -> None:
    """Note a request before it leaves: its report may come first."""
    instances = [parcel.reference.sop_instance_uid for parcel in parcels]
    session.add(
        CommitmentRow(transaction_uid=transaction_uid, task_id=task_id, peer=peer, instances=instances, asked=now)
    )
    _mark(session, [parcel.delivery_id for parcel in parcels], transaction_uid, now)


def withdraw(session: Transaction, parcels: Sequence[Delivered]) -> None:
    """Note that the peer did not take a request; should it report all the same, that counts."""
    _mark(session, [parcel.delivery_id for parcel in parcels], "", None)


def _mark(session: Transaction, delivery_ids: Sequence[int], transaction_uid: str, asked: datetime | None) -> None:
    session.execute(
        update(DeliveryRow).where(DeliveryRow.id.in_(delivery_ids)).values(transaction_uid=transaction_uid, asked=asked)
    )


def load(session: Transaction, transaction_uid: str) -> delivery.Transaction | None:
    """What was asked for under a transaction UID, with its deliveries as they stand now."""
    row = session.get(CommitmentRow, transaction_uid)
    if row is None:
        return None
    parcels = deliveries.delivered(
        session, DeliveryRow.peer == row.peer, DeliveryRow.sop_instance_uid.in_(row.instances)
    )
    return delivery.Transaction(
        transaction_uid=transaction_uid,
        task_id=Digest(row.task_id),
        attempt=session.get_one(TaskRow, row.task_id).attempt,
        peer=row.peer,
        parcels=tuple(parcels),
    )


def count_refusal(session: Transaction, calling_aet: str, reason: str, now: datetime) -> None:
    """Count a report that was refused."""
    row = session.get(RefusedReportRow, (calling_aet, reason), with_for_update=True)
    if row is None:
        row = RefusedReportRow(calling_aet=calling_aet, reason=reason, count=0)
        session.add(row)
    row.count, row.last = row.count + 1, now


def refusals(session: Transaction) -> dict[str, int]:
    """Number of refused reports by calling title."""
    counts: dict[str, int] = {}
    for row in session.scalars(select(RefusedReportRow)):
        counts[row.calling_aet] = counts.get(row.calling_aet, 0) + row.count
    return counts
