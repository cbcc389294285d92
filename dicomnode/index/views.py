"""Read-only answers for people: what is here, what happened to it, and why."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select

from dicomnode.index.database import Transaction
from dicomnode.index.schema import (
    DeliveryRow,
    EventRow,
    ExamRow,
    InstanceRow,
    NoMatchRow,
    ObjectRow,
    PatientRow,
    QuarantineRow,
    SeriesRow,
    StackRow,
    StudyRow,
    TaskRow,
)

Record = dict[str, Any]


def studies(session: Transaction) -> list[Record]:
    """All studies, the newest first, with the number of series in each outcome."""
    rows = session.execute(
        select(StudyRow, PatientRow)
        .join(PatientRow, PatientRow.id == StudyRow.patient)
        .order_by(StudyRow.first_arrival.desc())
    )
    return [_study(session, study, patient) for study, patient in rows]


def find(session: Transaction, wanted: str) -> list[Record]:
    """Studies by Study Instance UID (or its beginning), Patient ID or Accession Number."""
    rows = session.execute(
        select(StudyRow, PatientRow)
        .join(PatientRow, PatientRow.id == StudyRow.patient)
        .where(
            or_(
                StudyRow.study_instance_uid.startswith(wanted, autoescape=True),
                StudyRow.accession_number == wanted,
                PatientRow.patient_id == wanted,
            )
        )
        .order_by(StudyRow.first_arrival)
    )
    return [_study(session, study, patient) for study, patient in rows]


def _study(session: Transaction, study: StudyRow, patient: PatientRow) -> Record:
    outcomes = session.execute(
        select(SeriesRow.outcome, func.count())
        .where(SeriesRow.study_instance_uid == study.study_instance_uid)
        .group_by(SeriesRow.outcome)
        .order_by(SeriesRow.outcome)
    )
    return {
        "study_instance_uid": study.study_instance_uid,
        "patient_id": patient.patient_id,
        "patient_name": patient.name,
        "study_date": study.study_date,
        "description": study.description,
        "accession_number": study.accession_number,
        "first_arrival": study.first_arrival.isoformat(),
        "series": {outcome: count for outcome, count in outcomes},  # noqa: C416 - rows are not pairs to the type checker
    }


def exams(session: Transaction, study: str) -> list[Record]:
    """Every revision of a study's exam, and why it counts as complete or is waited for."""
    rows = session.scalars(select(ExamRow).where(ExamRow.study_instance_uid == study).order_by(ExamRow.revision))
    return [
        {"revision": row.revision, "state": row.state, "confidence": row.confidence, "completeness": row.completeness}
        for row in rows
    ]


def series(session: Transaction, study: str) -> list[Record]:
    """The series of a study: each with its one outcome and its reason."""
    counts = (
        select(InstanceRow.series_instance_uid, func.count().label("count"))
        .group_by(InstanceRow.series_instance_uid)
        .subquery()
    )
    rows = session.execute(
        select(SeriesRow, counts.c.count)
        .join(counts, counts.c.series_instance_uid == SeriesRow.series_instance_uid)
        .where(SeriesRow.study_instance_uid == study)
        .order_by(SeriesRow.last_arrival, SeriesRow.series_instance_uid)
    )
    return [
        {
            "series_instance_uid": row.series_instance_uid,
            "number": row.number,
            "modality": row.modality,
            "description": row.description,
            "instances": count,
            "outcome": row.outcome,
            "reason": row.reason,
        }
        for row, count in rows
    ]


def stacks(session: Transaction, study: str) -> list[Record]:
    """What the latest assessment of a study found in its series."""
    rows = session.scalars(select(StackRow).where(StackRow.exam == _latest(study)).order_by(StackRow.id))
    return [
        {
            "series_instance_uid": row.series_instance_uid,
            "role": row.role,
            "score": row.score,
            "reasons": row.reasons,
            "against": row.against,
            "notes": row.notes,
            "refusal": row.refusal,
            "instances": len(row.instances),
        }
        for row in rows
    ]


def no_matches(session: Transaction, study: str) -> list[Record]:
    """Why plugins did not run on the latest revision of a study's exam."""
    rows = session.scalars(select(NoMatchRow).where(NoMatchRow.exam == _latest(study)).order_by(NoMatchRow.plugin))
    return [{"plugin": row.plugin, "reason": row.reason, "held": row.held} for row in rows]


def _latest(study: str) -> Any:
    return (
        select(ExamRow.id)
        .where(ExamRow.study_instance_uid == study, ExamRow.assessed.is_not(None))
        .order_by(ExamRow.revision.desc())
        .limit(1)
        .scalar_subquery()
    )


def tasks(session: Transaction, study: str = "") -> list[Record]:
    """Tasks of a study, or of all, the newest first, with the state of their deliveries."""
    query = select(TaskRow).order_by(TaskRow.created.desc(), TaskRow.task_id)
    if study:
        query = query.where(TaskRow.study_instance_uid == study)
    return [
        {
            "task_id": row.task_id,
            "study_instance_uid": row.study_instance_uid,
            "plugin": row.plugin,
            "version": row.version,
            "state": row.state,
            "reason": row.reason,
            "notes": row.notes,
            "attempt": row.attempt,
            "created": row.created.isoformat(),
            "started": row.started.isoformat() if row.started else None,
            "ended": row.ended.isoformat() if row.ended else None,
            "deliveries": _deliveries(session, row.task_id),
        }
        for row in session.scalars(query)
    ]


def _deliveries(session: Transaction, task_id: str) -> dict[str, dict[str, int]]:
    rows = session.execute(
        select(DeliveryRow.peer, DeliveryRow.state, func.count())
        .where(DeliveryRow.task_id == task_id)
        .group_by(DeliveryRow.peer, DeliveryRow.state)
        .order_by(DeliveryRow.peer, DeliveryRow.state)
    )
    peers: dict[str, dict[str, int]] = {}
    for peer, state, count in rows:
        peers.setdefault(peer, {})[state] = count
    return peers


def deliveries(session: Transaction, study: str) -> list[Record]:
    """How a study's results stand at each destination: objects by state, with what the destination said last."""
    rows = session.execute(
        select(DeliveryRow.peer, DeliveryRow.state, DeliveryRow.reason, func.count())
        .join(TaskRow, TaskRow.task_id == DeliveryRow.task_id)
        .where(TaskRow.study_instance_uid == study)
        .group_by(DeliveryRow.peer, DeliveryRow.state, DeliveryRow.reason)
        .order_by(DeliveryRow.peer, DeliveryRow.state, DeliveryRow.reason)
    )
    return [{"peer": peer, "state": state, "reason": reason, "objects": count} for peer, state, reason, count in rows]


def task_ids(session: Transaction, beginning: str) -> list[str]:
    """Ids of tasks that begin like this."""
    return list(session.scalars(select(TaskRow.task_id).where(TaskRow.task_id.startswith(beginning, autoescape=True))))


def objects(session: Transaction, study: str) -> list[Record]:
    """Result objects of a study and where each one is."""
    rows = session.execute(
        select(ObjectRow, DeliveryRow, TaskRow.plugin, TaskRow.state)
        .join(TaskRow, TaskRow.task_id == ObjectRow.task_id)
        .outerjoin(DeliveryRow, DeliveryRow.sop_instance_uid == ObjectRow.sop_instance_uid)
        .where(TaskRow.study_instance_uid == study)
        .order_by(ObjectRow.created, DeliveryRow.id)
    )
    return [
        {
            "sop_instance_uid": made.sop_instance_uid,
            "plugin": plugin,
            "task_state": state,
            "kind": made.kind,
            "description": made.description,
            **_whereabouts(delivery),
        }
        for made, delivery, plugin, state in rows
    ]


def _whereabouts(delivery: DeliveryRow | None) -> Record:
    if delivery is None:
        return {"peer": "", "state": "kept", "status": None, "reason": "no destination takes this kind", "attempts": 0}
    return {
        "peer": delivery.peer,
        "state": delivery.state,
        "status": delivery.status,
        "reason": delivery.reason,
        "attempts": delivery.attempts,
    }


def events(session: Transaction, study: str) -> list[Record]:
    """What happened to a study, in order."""
    rows = session.scalars(select(EventRow).where(EventRow.study_instance_uid == study).order_by(EventRow.id))
    return [{"at": row.at.isoformat(), "subject": row.subject, "text": row.text} for row in rows]


def quarantine(session: Transaction) -> list[Record]:
    """What was refused and kept, the newest first."""
    rows = session.scalars(select(QuarantineRow).order_by(QuarantineRow.id.desc()))
    return [
        {
            "arrived": row.arrived.isoformat(),
            "calling_aet": row.calling_aet,
            "status": f"{row.status:04X}",
            "reason": row.reason,
            "sop_instance_uid": row.sop_instance_uid,
            "size": row.size,
            "store_key": row.store_key,
        }
        for row in rows
    ]
