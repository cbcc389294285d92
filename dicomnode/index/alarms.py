"""What was noticed and who has looked at it, and which models may not speak."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from dicomnode.domain.decision import Alarm, AlarmKind, Freeze, Model
from dicomnode.index.database import Transaction
from dicomnode.index.schema_monitor import AlarmRow, FreezeRow


def raise_(session: Transaction, alarm: Alarm, now: datetime, at_entry: int = 0) -> bool:
    """Write an alarm, unless one of its kind about the same is open; whether it was written."""
    row = AlarmRow(
        raised=now,
        kind=alarm.kind,
        plugin=alarm.by.plugin,
        model=alarm.by.model,
        model_version=alarm.by.version,
        model_digest=alarm.by.digest,
        subject=alarm.subject,
        text=alarm.text,
        value=alarm.value,
        limit=alarm.limit,
        at_entry=at_entry,
        acknowledged=None,
        acknowledged_by="",
        note="",
    )
    same = (
        AlarmRow.kind == row.kind,
        AlarmRow.plugin == row.plugin,
        AlarmRow.model == row.model,
        AlarmRow.model_version == row.model_version,
        AlarmRow.model_digest == row.model_digest,
        AlarmRow.subject == row.subject,
    )
    if session.scalar(select(AlarmRow.id).where(AlarmRow.acknowledged.is_(None), *same).limit(1)) is not None:
        return False
    session.add(row)
    session.flush()
    return True


def listed(session: Transaction, *, all_: bool = False) -> list[dict[str, Any]]:
    """Open alarms, or all, the newest first."""
    query = select(AlarmRow).order_by(AlarmRow.id.desc())
    rows = session.scalars(query if all_ else query.where(AlarmRow.acknowledged.is_(None)))
    return [
        {
            "id": row.id,
            "raised": row.raised.isoformat(),
            "kind": row.kind,
            "plugin": row.plugin,
            "model": row.model,
            "model_version": row.model_version,
            "subject": row.subject,
            "text": row.text,
            "value": row.value,
            "limit": row.limit,
            "acknowledged": row.acknowledged.isoformat() if row.acknowledged else None,
            "acknowledged_by": row.acknowledged_by,
            "note": row.note,
        }
        for row in rows
    ]


def acknowledge(session: Transaction, alarm_id: int, who: str, note: str, now: datetime, at_entry: int) -> bool:
    """Close an alarm: somebody has looked at all up to this ledger number; False when no such alarm is open."""
    row = session.get(AlarmRow, alarm_id, with_for_update=True)
    if row is None or row.acknowledged is not None:
        return False
    row.acknowledged, row.acknowledged_by, row.note, row.at_entry = now, who, note, at_entry
    return True


def open_counts(session: Transaction) -> dict[str, int]:
    """How many alarms of each kind are open."""
    rows = session.execute(
        select(AlarmRow.kind, func.count()).where(AlarmRow.acknowledged.is_(None)).group_by(AlarmRow.kind)
    )
    return {kind: count for kind, count in rows}  # noqa: C416 - rows are not pairs to the type checker


def is_open(session: Transaction, by: Model, kind: AlarmKind) -> bool:
    """Whether an alarm of a kind about a model waits for somebody."""
    return (
        session.scalar(
            select(AlarmRow.id).where(AlarmRow.kind == kind, AlarmRow.acknowledged.is_(None), *_about(by)).limit(1)
        )
        is not None
    )


def settled(session: Transaction, by: Model) -> int:
    """Ledger number up to which a person has looked at what alarms about a model said; 0 when nobody has."""
    looked = select(func.max(AlarmRow.at_entry)).where(AlarmRow.acknowledged.is_not(None), *_about(by))
    return session.scalar(looked) or 0


def freeze(session: Transaction, freeze: Freeze, now: datetime) -> bool:
    """Let a model, or a plugin, no longer speak; False when it may not already."""
    if _active(session, freeze.plugin, freeze.model) is not None:
        return False
    row = FreezeRow(
        plugin=freeze.plugin,
        model=freeze.model,
        since=now,
        by=freeze.by,
        reason=freeze.reason,
        lifted=None,
        lifted_by="",
    )
    session.add(row)
    session.flush()
    return True


def unfreeze(session: Transaction, plugin: str, model: str, who: str, now: datetime) -> bool:
    """Let it speak again; False when it may already."""
    row = _active(session, plugin, model)
    if row is None:
        return False
    row.lifted, row.lifted_by = now, who
    return True


def freezes(session: Transaction, plugin: str = "") -> list[Freeze]:
    """What is frozen now, of one plugin or of all."""
    query = select(FreezeRow).where(FreezeRow.lifted.is_(None)).order_by(FreezeRow.id)
    rows = session.scalars(query.where(FreezeRow.plugin == plugin) if plugin else query)
    return [Freeze(plugin=row.plugin, model=row.model, by=row.by, reason=row.reason) for row in rows]


def _active(session: Transaction, plugin: str, model: str) -> FreezeRow | None:
    return session.scalar(
        select(FreezeRow)
        .where(FreezeRow.plugin == plugin, FreezeRow.model == model, FreezeRow.lifted.is_(None))
        .with_for_update()
    )


def _about(by: Model) -> tuple[Any, ...]:
    return (
        AlarmRow.plugin == by.plugin,
        AlarmRow.model == by.model,
        AlarmRow.model_version == by.version,
        AlarmRow.model_digest == by.digest,
    )
