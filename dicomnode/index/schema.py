"""The tables: what arrived, what was decided, what was made, where it went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UID = String(64)
DIGEST = String(64)


class Instant(TypeDecorator[datetime]):
    """An aware moment; stored as UTC because SQLite keeps no offset."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - signature
        """Refuse naive moments: a wall clock without an offset has lied before."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs an offset from UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - signature
        """Give the offset back."""
        return None if value is None else value.replace(tzinfo=UTC)


class Prose(TypeDecorator[str]):
    """Text of any origin, plugins, peers and hostile senders: what PostgreSQL cannot hold is made visible."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - signature
        """Write NUL and lone surrogates as escapes."""
        return value and value.encode(errors="backslashreplace").decode().replace("\0", r"\x00")


class Table(DeclarativeBase):
    """All tables share one naming convention, so that migrations can name constraints on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[int]: JSON,
        list[str]: JSON,
    }


class PatientRow(Table):
    """A patient, by Patient ID and its issuer."""

    __tablename__ = "patient"
    __table_args__ = (UniqueConstraint("patient_id", "issuer"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    patient_id: Mapped[str] = mapped_column(Prose)
    issuer: Mapped[str] = mapped_column(Prose)
    name: Mapped[str] = mapped_column(Prose)
    birth_date: Mapped[str] = mapped_column(String(32))
    sex: Mapped[str] = mapped_column(String(16))


class StudyRow(Table):
    """A study: one patient's, for ever."""

    __tablename__ = "study"
    study_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    patient: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    description: Mapped[str] = mapped_column(Prose)
    study_date: Mapped[str] = mapped_column(String(32))
    study_time: Mapped[str] = mapped_column(String(32))
    accession_number: Mapped[str] = mapped_column(Prose)
    first_arrival: Mapped[datetime]


class SeriesRow(Table):
    """A received series and the one outcome it has now (promise 3)."""

    __tablename__ = "series"
    series_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    number: Mapped[str] = mapped_column(String(32))
    modality: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(Prose)
    outcome: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Prose)
    first_arrival: Mapped[datetime | None]
    """None of a series that came before this was kept, and has no instances any more."""
    last_arrival: Mapped[datetime]
    released: Mapped[datetime | None]
    """When an association that brought instances of it was last released in good order."""
    protocol: Mapped[str | None] = mapped_column(DIGEST, index=True)
    """Of scanner, protocol and description; set when the series was judged whole."""
    settled: Mapped[int | None]
    """Its instances when it was judged whole."""


class InstanceRow(Table):
    """An acknowledged instance: where its bytes are and the header facts decisions are made from."""

    __tablename__ = "instance"
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID)
    series_instance_uid: Mapped[str] = mapped_column(ForeignKey("series.series_instance_uid"), index=True)
    store_key: Mapped[str] = mapped_column(String(128), unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(DIGEST)
    patient: Mapped[dict[str, Any]]
    facts: Mapped[dict[str, Any]]
    frames: Mapped[list[dict[str, Any]]]
    header: Mapped[bytes | None]
    """Its elements as they came, to be decoded when they are needed; patient, facts and frames are empty then."""
    calling_aet: Mapped[str] = mapped_column(String(16))
    arrived: Mapped[datetime]


class ExamRow(Table):
    """One revision of an examination; a late instance opens the next one."""

    __tablename__ = "exam"
    __table_args__ = (UniqueConstraint("study_instance_uid", "revision"), Index(None, "state"))
    id: Mapped[int] = mapped_column(primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"))
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    first_arrival: Mapped[datetime]
    last_arrival: Mapped[datetime]
    last_release: Mapped[datetime | None]
    sender: Mapped[str] = mapped_column(String(16), default="", index=True)
    """AE title of the association that was released last."""
    longest_pause: Mapped[float] = mapped_column(Double, default=0.0)
    """Seconds from a release to the next new series of this study, the longest."""
    confidence: Mapped[str] = mapped_column(String(16), default="")
    completeness: Mapped[str] = mapped_column(Prose, default="")
    """What the stability clock said last, in words."""
    assessed: Mapped[datetime | None]


class ProcedureStepRow(Table):
    """A performed procedure step as its modality tells it (PS3.4 annex F)."""

    __tablename__ = "procedure_step"
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    images: Mapped[dict[str, Any]]
    """SOP Instance UIDs it names, by series."""
    calling_aet: Mapped[str] = mapped_column(String(16))
    updated: Mapped[datetime]


class ProcedureStepStudyRow(Table):
    """A study that a performed procedure step is about; it may not have arrived yet."""

    __tablename__ = "procedure_step_study"
    sop_instance_uid: Mapped[str] = mapped_column(ForeignKey("procedure_step.sop_instance_uid"), primary_key=True)
    study_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True, index=True)


class SourceCountRow(Table):
    """What the source of a study says it holds of it, by series."""

    __tablename__ = "source_count"
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), primary_key=True)
    peer: Mapped[str] = mapped_column(String(32))
    instances: Mapped[dict[str, Any]]
    asked: Mapped[datetime]


class StackRow(Table):
    """A volume found in an exam revision: what it is and why, or why it is none."""

    __tablename__ = "stack"
    id: Mapped[int] = mapped_column(primary_key=True)
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"), index=True)
    stack_id: Mapped[str] = mapped_column(DIGEST)
    series_instance_uid: Mapped[str] = mapped_column(ForeignKey("series.series_instance_uid"))
    role: Mapped[str] = mapped_column(String(64))
    score: Mapped[float] = mapped_column(Double)
    reasons: Mapped[list[str]]
    against: Mapped[list[str]]
    notes: Mapped[list[str]]
    refusal: Mapped[str] = mapped_column(Prose)
    instances: Mapped[list[str]]


class NoMatchRow(Table):
    """Why a plugin does not run on an exam revision."""

    __tablename__ = "no_match"
    id: Mapped[int] = mapped_column(primary_key=True)
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"), index=True)
    plugin: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(Prose)
    held: Mapped[bool]


class TaskRow(Table):
    """One plugin on one set of inputs; the key makes a repetition the same task."""

    __tablename__ = "task"
    __table_args__ = (Index(None, "study_instance_uid", "plugin"), Index(None, "state"))
    task_id: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    exam: Mapped[int] = mapped_column(ForeignKey("exam.id"))
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"))
    plugin: Mapped[str] = mapped_column(String(64))
    version: Mapped[str] = mapped_column(String(64))
    parameters: Mapped[dict[str, Any]]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What was known of the patient when it was planned, as far as the plugin asks for it."""
    notes: Mapped[list[str]]
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Prose)
    attempt: Mapped[int]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]


class TaskInputRow(Table):
    """What fills one input role of a task."""

    __tablename__ = "task_input"
    task_id: Mapped[str] = mapped_column(ForeignKey("task.task_id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(64), primary_key=True)
    series_instance_uid: Mapped[str] = mapped_column(ForeignKey("series.series_instance_uid"), index=True)
    frame_of_reference_uid: Mapped[str] = mapped_column(Prose)  # not proven at the door, so it may be no UID
    geometry: Mapped[dict[str, Any]]
    instances: Mapped[list[str]]
    frames: Mapped[list[int]]


class ObjectRow(Table):
    """A finished result object, checked, stored, ready to be sent."""

    __tablename__ = "object"
    sop_instance_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    sop_class_uid: Mapped[str] = mapped_column(UID)
    series_instance_uid: Mapped[str] = mapped_column(UID, index=True, default="")
    """Empty for objects made before it was noted."""
    task_id: Mapped[str] = mapped_column(ForeignKey("task.task_id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    description: Mapped[str] = mapped_column(Prose)
    store_key: Mapped[str] = mapped_column(String(128), unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(DIGEST)
    created: Mapped[datetime]


class DeliveryRow(Table):
    """The outbox: one object at one destination."""

    __tablename__ = "delivery"
    __table_args__ = (UniqueConstraint("sop_instance_uid", "peer"), Index(None, "state"))
    id: Mapped[int] = mapped_column(primary_key=True)
    sop_instance_uid: Mapped[str] = mapped_column(ForeignKey("object.sop_instance_uid"))
    task_id: Mapped[str] = mapped_column(ForeignKey("task.task_id"), index=True)
    peer: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    status: Mapped[int | None]
    reason: Mapped[str] = mapped_column(Prose)
    queued: Mapped[datetime]
    updated: Mapped[datetime]
    delivered: Mapped[datetime | None]
    transaction_uid: Mapped[str] = mapped_column(UID, default="")
    """Of the storage commitment that was asked for last; empty when none was since the object was sent."""
    asked: Mapped[datetime | None]


class CommitmentRow(Table):
    """A storage commitment that was asked of a peer; reports on anything else are refused."""

    __tablename__ = "commitment"
    transaction_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    task_id: Mapped[str] = mapped_column(ForeignKey("task.task_id"), index=True)
    peer: Mapped[str] = mapped_column(String(32))
    instances: Mapped[list[str]]
    asked: Mapped[datetime]


class ProfileRow(Table):
    """What a peer accepted and what not, when it was last asked."""

    __tablename__ = "profile"
    peer: Mapped[str] = mapped_column(String(32), primary_key=True)
    sop_class_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    transfer_syntax_uid: Mapped[str] = mapped_column(UID, primary_key=True)
    accepted: Mapped[bool]
    asked: Mapped[datetime]


class RefusedReportRow(Table):
    """How often a calling title has sent commitment reports that were refused, and why."""

    __tablename__ = "refused_report"
    calling_aet: Mapped[str] = mapped_column(String(16), primary_key=True)
    reason: Mapped[str] = mapped_column(String(128), primary_key=True)
    count: Mapped[int]
    last: Mapped[datetime]


class PriorSearchRow(Table):
    """Whether priors of a study were searched, and what came of it."""

    __tablename__ = "prior_search"
    study_instance_uid: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Prose)
    begun: Mapped[datetime]
    ended: Mapped[datetime | None]


class PriorRow(Table):
    """One earlier study a peer holds, and whether it was fetched."""

    __tablename__ = "prior"
    id: Mapped[int] = mapped_column(primary_key=True)
    searched_for: Mapped[str] = mapped_column(ForeignKey("study.study_instance_uid"), index=True)
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)  # may never arrive
    peer: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Prose)
    instances: Mapped[int]


class LeavingRow(Table):
    """A file whose rows went by retention; until it is surely gone, too, nobody may take it for one just received."""

    __tablename__ = "leaving"
    store_key: Mapped[str] = mapped_column(String(128), primary_key=True)


class QuarantineRow(Table):
    """Bytes that were refused, kept so that a person can find out why."""

    __tablename__ = "quarantine"
    id: Mapped[int] = mapped_column(primary_key=True)
    store_key: Mapped[str] = mapped_column(String(128), unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[int]
    reason: Mapped[str] = mapped_column(Prose)
    calling_aet: Mapped[str] = mapped_column(String(16))
    sop_instance_uid: Mapped[str] = mapped_column(Prose)
    arrived: Mapped[datetime]


class EventRow(Table):
    """What happened, in order; the trail behind every outcome."""

    __tablename__ = "event"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    study_instance_uid: Mapped[str] = mapped_column(UID, index=True)
    subject: Mapped[str] = mapped_column(String(64))
    """``exam``, ``task``, ``delivery``."""
    text: Mapped[str] = mapped_column(Prose)
