"""How much of everything there is, for those who watch the node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from dicomnode.domain.exam import ExamState
from dicomnode.index.database import Transaction
from dicomnode.index.schema import DeliveryRow, ExamRow, QuarantineRow, SeriesRow, TaskRow
from dicomnode.index.schema_monitor import AlarmRow, DecisionRow, FreezeRow
from dicomnode.observe.metrics import Reading


def readings(session: Transaction) -> tuple[Reading, ...]:
    """What stands in the index now, in numbers; every name in them is one of ours or of the settings."""
    stands = ~(DecisionRow.shadow | DecisionRow.withheld | DecisionRow.superseded)
    open_ = AlarmRow.acknowledged.is_(None)
    return (
        _by(session, "tasks", "Tasks by plugin and state.", plugin=TaskRow.plugin, state=TaskRow.state),
        _by(session, "series", "Received series by outcome.", outcome=SeriesRow.outcome),
        _by(session, "deliveries", "Deliveries by peer and state.", peer=DeliveryRow.peer, state=DeliveryRow.state),
        _by(
            session,
            "decisions",
            "Decisions in the ledger that left the node and stand.",
            where=stands,
            plugin=DecisionRow.plugin,
            tier=DecisionRow.tier,
        ),
        _by(
            session,
            "open_alarms",
            "Alarms nobody has looked at.",
            where=open_,
            kind=AlarmRow.kind,
            plugin=AlarmRow.plugin,
        ),
        _by(session, "frozen", "What may not speak.", where=FreezeRow.lifted.is_(None), plugin=FreezeRow.plugin),
        _by(session, "unjudged_exams", "Exams that are open or being assessed.", of=ExamRow.id, where=_WAITS),
        _by(session, "quarantined_instances", "Refused instances that are kept.", of=QuarantineRow.id),
    )


_WAITS = ExamRow.state != ExamState.ASSESSED


def _by(session: Transaction, name: str, text: str, *, of: Any = None, where: Any = None, **labels: Any) -> Reading:
    """Rows counted by the columns that give the labels, or all rows with this column."""
    query = select(*labels.values(), func.count(of) if of is not None else func.count()).group_by(*labels.values())
    rows = session.execute(query if where is None else query.where(where))
    values: Mapping[tuple[str, ...], float] = {tuple(map(str, found)): float(count) for *found, count in rows}
    return Reading(name=f"dicomnode_{name}", text=text, labels=tuple(labels), values=values)
