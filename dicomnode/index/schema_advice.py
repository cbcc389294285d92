"""The tables of advice: the one on each exam, and what a site has told of its patients."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from dicomnode.index.schema import DIGEST, Prose, Table


class AdviceRow(Table):
    """The one advice on an exam: awaited, stated, acknowledged."""

    __tablename__ = "advice"
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), primary_key=True)
    exam: Mapped[int]
    label: Mapped[list[str]]
    opened: Mapped[datetime]
    deadline: Mapped[datetime]
    counting: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(16))
    """Empty while it is awaited."""
    reason: Mapped[str] = mapped_column(Prose)
    cautions: Mapped[list[str]]
    origin: Mapped[str] = mapped_column(String(16))
    stated: Mapped[datetime | None]
    task_id: Mapped[str] = mapped_column(DIGEST)
    acknowledged_by: Mapped[str] = mapped_column(Prose)
    acknowledged: Mapped[datetime | None]


class PatientFactRow(Table):
    """A fact of a patient that a site feed has told; the latest observation of a name counts."""

    __tablename__ = "patient_fact"
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[str] = mapped_column(Prose, index=True)
    issuer: Mapped[str] = mapped_column(Prose)
    accession_number: Mapped[str] = mapped_column(Prose)
    """Of the order it belongs to; empty for what is true of the patient."""
    name: Mapped[str] = mapped_column(String(32))
    value: Mapped[Any] = mapped_column(JSON)
    source: Mapped[str] = mapped_column(String(64))
    observed: Mapped[datetime | None]
    received: Mapped[datetime]
