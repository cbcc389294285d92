"""The tables of the monitor. They outlive the exams they are about, so none points at another table."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Double, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dicomnode.index.schema import DIGEST, UID, Prose, Table


class DecisionRow(Table):
    """The decision ledger: one decision of one model on one task."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("task_id", "place"), Index(None, "plugin", "model"))
    id: Mapped[int] = mapped_column(primary_key=True)
    task_id: Mapped[str] = mapped_column(DIGEST)
    place: Mapped[int]
    """Among the decisions of its task, from 0."""
    decided: Mapped[datetime]
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    accession_number: Mapped[str] = mapped_column(Prose)
    plugin: Mapped[str] = mapped_column(String(64))
    plugin_version: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(Prose)
    model_version: Mapped[str] = mapped_column(Prose)
    model_digest: Mapped[str] = mapped_column(DIGEST)
    tier: Mapped[str] = mapped_column(Prose)
    positive: Mapped[bool | None]
    scores: Mapped[dict[str, Any]]
    features: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]]
    sender: Mapped[str] = mapped_column(String(16))
    shadow: Mapped[bool]
    withheld: Mapped[bool]
    superseded: Mapped[bool]


class ReferenceRow(Table):
    """What a model's decisions looked like when it was taken into use, and how far they have been watched since."""

    __tablename__ = "reference"
    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(Prose, primary_key=True)
    model_version: Mapped[str] = mapped_column(Prose, primary_key=True)
    model_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    content: Mapped[dict[str, Any]]
    last: Mapped[int]
    """Ledger number of its last decision."""
    watched: Mapped[int]
    """Ledger number of the last decision that was held against it."""
    frozen: Mapped[datetime]


class AlarmRow(Table):
    """Something a person must look at; open until somebody has."""

    __tablename__ = "alarm"
    id: Mapped[int] = mapped_column(primary_key=True)
    raised: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(16))
    plugin: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(Prose)
    model_version: Mapped[str] = mapped_column(Prose)
    model_digest: Mapped[str] = mapped_column(DIGEST)
    subject: Mapped[str] = mapped_column(Prose)
    text: Mapped[str] = mapped_column(Prose)
    value: Mapped[float] = mapped_column(Double)
    limit: Mapped[float] = mapped_column(Double)
    at_entry: Mapped[int]
    """Ledger number after which it was raised; once it is acknowledged, up to which somebody has looked."""
    acknowledged: Mapped[datetime | None]
    acknowledged_by: Mapped[str] = mapped_column(Prose)
    note: Mapped[str] = mapped_column(Prose)


class FreezeRow(Table):
    """A time in which a model, or all of a plugin, may not speak."""

    __tablename__ = "freeze"
    id: Mapped[int] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    model: Mapped[str] = mapped_column(Prose)
    since: Mapped[datetime]
    by: Mapped[str] = mapped_column(Prose)
    reason: Mapped[str] = mapped_column(Prose)
    lifted: Mapped[datetime | None]
    lifted_by: Mapped[str] = mapped_column(Prose)


class OutcomeRow(Table):
    """What turned out to be true of a study, for the plugin that decided about it."""

    __tablename__ = "outcome"
    study_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64), primary_key=True)
    positive: Mapped[bool]
    source: Mapped[str] = mapped_column(Prose)
    imported: Mapped[datetime]


class StreamRow(Table):
    """That a study came along a stream: from a sender, with a protocol of a scanner."""

    __tablename__ = "stream"
    __table_args__ = (UniqueConstraint("study_instance_uid", "sender", "scanner", "protocol"), Index(None, "arrived"))
    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(UID)
    sender: Mapped[str] = mapped_column(String(16))
    scanner: Mapped[str] = mapped_column(Prose)
    protocol: Mapped[str] = mapped_column(Prose)
    arrived: Mapped[datetime]
