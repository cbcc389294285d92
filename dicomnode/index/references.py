"""What is usual for each model, and how far its decisions have been watched; the streams that exams come along."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from dicomnode.domain.decision import Model, Stream
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from dicomnode.index.database import Transaction
from dicomnode.index.schema_monitor import ReferenceRow, StreamRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A model's reference as it is kept."""

    content: dict[str, Any]
    """Empty while its decisions are being gathered."""
    last: int
    """Ledger number it ends with; while it is being gathered, the one it comes after."""
    watched: int
    """Ledger number up to which decisions have been held against it."""


def read(session: Transaction, by: Model) -> Kept:
    """A model's reference; an empty one where nothing is known of the model yet."""
    row = session.get(ReferenceRow, _key(by))
    return (
        Kept(content={}, last=0, watched=0)
        if row is None
        else Kept(content=row.content, last=row.last, watched=row.watched)
    )


def write(session: Transaction, by: Model, content: dict[str, Any], last: int, now: datetime) -> None:
    """Freeze a model's reference, which ends with this ledger number.

    An empty one is to be made of the decisions that come after that number.
    """
    plugin, model, version, digest = _key(by)
    row = ReferenceRow(
        plugin=plugin,
        model=model,
        model_version=version,
        model_digest=digest,
        content=content,
        last=last,
        watched=last,
        frozen=now,
    )
    session.merge(row)
    session.flush()


def watched(session: Transaction, by: Model, number: int) -> None:
    """Note up to which ledger number a model's decisions have been held against its reference."""
    session.get_one(ReferenceRow, _key(by)).watched = number


def note(session: Transaction, study: StudyInstanceUID, streams: Iterable[Stream], now: datetime) -> None:
    """Note the streams a study came along; one that is known stays as it is."""
    rows = session.scalars(select(StreamRow).where(StreamRow.study_instance_uid == study))
    known = {_stream(row) for row in rows}
    session.add_all(
        StreamRow(
            study_instance_uid=study,
            sender=stream.sender,
            scanner=stream.scanner,
            protocol=stream.protocol,
            arrived=now,
        )
        for stream in streams
        if stream not in known
    )
    session.flush()


def arrivals(session: Transaction, since: datetime) -> dict[Stream, list[datetime]]:
    """When exams came along each stream since a moment; what is older is dropped."""
    session.execute(delete(StreamRow).where(StreamRow.arrived < since))
    found: dict[Stream, list[datetime]] = {}
    for row in session.scalars(select(StreamRow).order_by(StreamRow.arrived)):
        found.setdefault(_stream(row), []).append(row.arrived)
    return found


def _key(by: Model) -> tuple[str, str, str, str]:
    return by.plugin, by.model, by.version, by.digest


def _stream(row: StreamRow) -> Stream:
    return Stream(sender=AETitle(row.sender), scanner=row.scanner, protocol=row.protocol)
