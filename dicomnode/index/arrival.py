"""The common case of receiving, in four statements: one more instance of a series whose exam is still open.

Everything else (first of its patient, study or series, a late instance, a repetition, a conflict, a result of ours that
came back) is not recognised here and goes the long way, in `dicomnode.index.intake`, which alone decides it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, insert, select, update

from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.instance import Instance, Patient
from dicomnode.index.driver import Execute
from dicomnode.index.schema import ExamRow, InstanceRow, ObjectRow, PatientRow, SeriesRow, StudyRow

_OPEN_EXAM = (
    select(ExamRow.id)
    .join(StudyRow, StudyRow.study_instance_uid == ExamRow.study_instance_uid)
    .join(PatientRow, PatientRow.id == StudyRow.patient)
    .join(SeriesRow, SeriesRow.study_instance_uid == StudyRow.study_instance_uid)
    .where(
        ExamRow.study_instance_uid == bindparam("study"),
        ExamRow.state == ExamState.OPEN.value,
        SeriesRow.series_instance_uid == bindparam("series"),
        PatientRow.patient_id == bindparam("patient_id"),
        PatientRow.issuer == bindparam("issuer"),
        ~exists().where(InstanceRow.sop_instance_uid == bindparam("instance")),
        ~exists().where(ObjectRow.sop_instance_uid == bindparam("instance")),
    )
    .with_for_update(of=ExamRow)
)
_INSTANCE = insert(InstanceRow.__table__)  # type: ignore[arg-type]
_SERIES = (
    update(SeriesRow.__table__)  # type: ignore[arg-type]
    .where(SeriesRow.series_instance_uid == bindparam("series"))
    .values(last_arrival=bindparam("at"), outcome=Outcome.PENDING.value, reason="arriving")
)
_EXAM = (
    update(ExamRow.__table__)  # type: ignore[arg-type]
    .where(ExamRow.id == bindparam("exam"))
    .values(last_arrival=bindparam("at"))
)


def one_more(execute: Execute, instance: Instance, arrived: datetime) -> bool:
    """Record an instance if it is the common case; False leaves everything as it was.

    The lock on the exam orders this instance before or after an assessment, never beside it.
    """
    header = instance.header
    exam = execute(
        _OPEN_EXAM,
        {
            "study": header.study_instance_uid,
            "series": header.series_instance_uid,
            "patient_id": header.patient.patient_id,
            "issuer": header.patient.issuer,
            "instance": header.sop_instance_uid,
        },
    )
    if exam is None:
        return False
    execute(_INSTANCE, values(instance, arrived))
    execute(_SERIES, {"series": header.series_instance_uid, "at": arrived})
    execute(_EXAM, {"exam": exam, "at": arrived})
    return True


def values(instance: Instance, arrived: datetime) -> dict[str, Any]:
    """The columns of an instance's row."""
    header, stored = instance.header, instance.stored
    return {
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": header.transfer_syntax_uid,
        "series_instance_uid": header.series_instance_uid,
        "store_key": stored.key,
        "size": stored.size,
        "digest": stored.digest,
        "patient": {name: getattr(header.patient, name) for name in Patient.__slots__},
        "facts": header.facts,
        "frames": header.frames,
        "calling_aet": instance.calling_aet,
        "arrived": arrived,
    }
