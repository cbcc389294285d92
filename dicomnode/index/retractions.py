"""Results that changed input has made stale, and the rejection note that takes them back where they have arrived."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy import exists as sql_exists

from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.identity import Digest
from dicomnode.domain.instance import StoredObject
from dicomnode.domain.task import ResultObject, TaskState
from dicomnode.index.database import Transaction
from dicomnode.index.exams import hold_study
from dicomnode.index.schema import DeliveryRow, EventRow, ObjectRow, TaskInputRow, TaskRow

KIND = "REJECTION"
"""A Key Object Selection among the objects of a task that rejects the others; no peer receives this kind unasked."""

_NOT_THERE = (DeliveryState.QUEUED, DeliveryState.WAITING, DeliveryState.PARKED, DeliveryState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """The results of a superseded task that have arrived somewhere."""

    task_id: Digest
    attempt: int
    store_keys: tuple[str, ...]
    """The objects that have arrived at one of the peers."""
    peers: tuple[str, ...]
    """Where at least one has arrived and no note is on its way."""


def stale(session: Transaction, takers: Collection[str], task_id: Digest | None = None, study: str = "") -> list[Stale]:
    """Superseded tasks whose results stand at peers that take rejection notes and have not been sent one.

    Parameters
    ----------
    takers : collection of str
        Names of the peers that receive rejection notes.
    task_id, study : Digest, str
        This task, or this study, only.
    """
    if not takers:
        return []
    noted = (
        select(DeliveryRow.peer)
        .join(ObjectRow, ObjectRow.sop_instance_uid == DeliveryRow.sop_instance_uid)
        .where(ObjectRow.task_id == TaskRow.task_id, ObjectRow.kind == KIND)
    )
    rows = session.execute(
        select(TaskRow.task_id, TaskRow.attempt, DeliveryRow.peer)
        .join(DeliveryRow, DeliveryRow.task_id == TaskRow.task_id)
        .where(
            TaskRow.state == TaskState.SUPERSEDED,
            *([TaskRow.task_id == task_id] if task_id else []),
            *([TaskRow.study_instance_uid == study] if study else []),
            DeliveryRow.state.not_in(_NOT_THERE),
            DeliveryRow.peer.in_(takers),
            DeliveryRow.peer.not_in(noted),
        )
        .distinct()
        .order_by(TaskRow.task_id, DeliveryRow.peer)
    )
    peers: dict[tuple[str, int], list[str]] = {}
    for task, attempt, peer in rows:
        peers.setdefault((task, attempt), []).append(peer)
    return [
        Stale(task_id=Digest(task), attempt=attempt, store_keys=_keys(session, task, names), peers=tuple(names))
        for (task, attempt), names in peers.items()
    ]


def exists(session: Transaction, task_id: Digest) -> bool:
    """Whether a rejection note has been written for a task's results."""
    return bool(session.scalar(select(sql_exists().where(ObjectRow.task_id == task_id, ObjectRow.kind == KIND))))


def take_back(session: Transaction, found: Stale, note: ResultObject, stored: StoredObject, now: datetime) -> bool:
    """Put a rejection note into the outbox; False when its bytes were not taken, since it was written before."""
    study = session.get_one(TaskRow, found.task_id).study_instance_uid
    hold_study(session, study)
    known = session.get(ObjectRow, note.sop_instance_uid)
    if known is None:
        session.add(
            ObjectRow(
                sop_instance_uid=note.sop_instance_uid,
                sop_class_uid=note.sop_class_uid,
                series_instance_uid=note.series_instance_uid,
                task_id=found.task_id,
                kind=KIND,
                description=note.description,
                store_key=stored.key,
                size=stored.size,
                digest=stored.digest,
                created=now,
            )
        )
        session.flush()
    for peer in found.peers:
        session.add(
            DeliveryRow(
                sop_instance_uid=note.sop_instance_uid,
                task_id=found.task_id,
                peer=peer,
                state=DeliveryState.QUEUED,
                attempts=0,
                status=None,
                reason="",
                queued=now,
                updated=now,
            )
        )
    text = f"{len(found.store_keys)} stale objects are taken back by a rejection note for {', '.join(found.peers)}"
    session.add(EventRow(at=now, study_instance_uid=study, subject="task", text=text))
    return known is None


def give_up(session: Transaction, found: Stale, reason: str, now: datetime) -> None:
    """Say that no rejection note could be written: a person must hide the stale objects."""
    study = session.get_one(TaskRow, found.task_id).study_instance_uid
    text = f"stale objects stay visible at {', '.join(found.peers)}: no rejection note could be written ({reason})"
    session.add(EventRow(at=now, study_instance_uid=study, subject="task", text=text))


def predecessor(session: Transaction, task_id: Digest, *, same_series: bool) -> str | None:
    """Store key of the report that a task's report replaces; None when no superseded one has arrived anywhere.

    Parameters
    ----------
    same_series : bool
        The plugin works series by series: only a report on one of the task's own series is replaced.
    """
    task = session.get_one(TaskRow, task_id)
    own = select(TaskInputRow.series_instance_uid).where(TaskInputRow.task_id == task_id)
    shared: list[ColumnElement[bool]] = [
        sql_exists().where(TaskInputRow.task_id == TaskRow.task_id, TaskInputRow.series_instance_uid.in_(own))
    ]
    return session.scalar(
        select(ObjectRow.store_key)
        .join(TaskRow, TaskRow.task_id == ObjectRow.task_id)
        .join(DeliveryRow, DeliveryRow.sop_instance_uid == ObjectRow.sop_instance_uid)
        .where(
            TaskRow.study_instance_uid == task.study_instance_uid,
            TaskRow.plugin == task.plugin,
            TaskRow.state == TaskState.SUPERSEDED,
            TaskRow.task_id != task_id,
            ObjectRow.kind == "SR",
            DeliveryRow.state.not_in(_NOT_THERE),
            *(shared if same_series else []),
        )
        .order_by(TaskRow.ended.desc(), TaskRow.task_id)
        .limit(1)
    )


def _keys(session: Transaction, task_id: str, peers: Collection[str]) -> tuple[str, ...]:
    keys: Sequence[str] = session.scalars(
        select(ObjectRow.store_key)
        .join(DeliveryRow, DeliveryRow.sop_instance_uid == ObjectRow.sop_instance_uid)
        .where(
            ObjectRow.task_id == task_id,
            ObjectRow.kind != KIND,
            DeliveryRow.peer.in_(peers),
            DeliveryRow.state.not_in(_NOT_THERE),
        )
        .distinct()
        .order_by(ObjectRow.store_key)
    ).all()
    return tuple(keys)
