"""What one instance changes in the index: nothing, or its row and those of what it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, exists, insert, literal, or_, select, update

from dicomnode.dicom.header import EncodedFacts
from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.instance import Instance, InstanceHeader, Patient, Recorded
from dicomnode.errors import DuplicateInstance, OtherPatient
from dicomnode.index.driver import Execute
from dicomnode.index.priors import PriorState
from dicomnode.index.schema import ExamRow, InstanceRow, ObjectRow, PatientRow, PriorRow, SeriesRow, StudyRow, Table

_SAME_PATIENT = and_(PatientRow.patient_id == bindparam("patient_id"), PatientRow.issuer == bindparam("issuer"))
_IS_OWN = or_(
    exists().where(ObjectRow.sop_instance_uid == bindparam("instance")),
    exists().where(ObjectRow.series_instance_uid == bindparam("series")),
)

OPEN_EXAM = (
    select(ExamRow.id)
    .join(StudyRow, StudyRow.study_instance_uid == ExamRow.study_instance_uid)
    .join(PatientRow, PatientRow.id == StudyRow.patient)
    .join(SeriesRow, SeriesRow.study_instance_uid == StudyRow.study_instance_uid)
    .where(
        ExamRow.study_instance_uid == bindparam("study"),
        ExamRow.state == ExamState.OPEN.value,
        SeriesRow.series_instance_uid == bindparam("series"),
        _SAME_PATIENT,
        ~exists().where(InstanceRow.sop_instance_uid == bindparam("instance")),
        ~_IS_OWN,
    )
    .with_for_update(of=ExamRow)
)
"""Answers all questions at once for the common case: one more instance of a series whose exam is open."""

_IS_OPEN = and_(ExamRow.study_instance_uid == bindparam("study"), ExamRow.state == ExamState.OPEN.value)
_IS_FETCHED = exists().where(
    PriorRow.study_instance_uid == bindparam("study"), PriorRow.state == PriorState.UNDERWAY.value
)
_KNOWN = select(InstanceRow.digest, InstanceRow.transfer_syntax_uid).where(
    InstanceRow.sop_instance_uid == bindparam("instance")
)
_OWN = select(literal(1)).where(_IS_OWN)
_FETCHED = select(literal(1)).where(_IS_FETCHED, ~exists().where(_IS_OPEN))
"""Whoever brings it: an open exam gets all that comes for it."""
_SPOKEN_FOR = select(literal(1)).where(
    or_(_IS_OWN, _IS_FETCHED, exists().where(ExamRow.study_instance_uid == bindparam("study")))
)
STUDY_OF_SERIES = select(SeriesRow.study_instance_uid).where(SeriesRow.series_instance_uid == bindparam("series"))
_IS_OF_PATIENT = (
    select(_SAME_PATIENT)
    .join_from(StudyRow, PatientRow, PatientRow.id == StudyRow.patient)
    .where(StudyRow.study_instance_uid == bindparam("study"))
)
_PATIENT = select(PatientRow.id).where(_SAME_PATIENT)
_LATEST_EXAM = (
    select(ExamRow.id, ExamRow.revision, ExamRow.state)
    .where(ExamRow.study_instance_uid == bindparam("study"))
    .order_by(ExamRow.revision.desc())
    .limit(1)
    .with_for_update()
)


def _insert(row: type[Table]) -> Any:
    return insert(row.__table__)  # type: ignore[arg-type]


_NEW_PATIENT, _NEW_STUDY, _NEW_SERIES = _insert(PatientRow), _insert(StudyRow), _insert(SeriesRow)
_NEW_INSTANCE, _NEW_EXAM = _insert(InstanceRow), _insert(ExamRow)
SERIES_GROWS = (
    update(SeriesRow.__table__)  # type: ignore[arg-type]
    .where(SeriesRow.series_instance_uid == bindparam("series"))
    .values(last_arrival=bindparam("at"), outcome=bindparam("now"), reason=bindparam("because"))
)
_EXAM_GROWS = (
    update(ExamRow.__table__)  # type: ignore[arg-type]
    .where(ExamRow.id == bindparam("exam"))
    .values(last_arrival=bindparam("at"))
)
OPEN_EXAM_GROWS = (
    update(ExamRow.__table__).where(_IS_OPEN).values(last_arrival=bindparam("at"))  # type: ignore[arg-type]
)
_SERIES_STILL_COMES = (
    update(SeriesRow.__table__)  # type: ignore[arg-type]
    .where(SeriesRow.series_instance_uid == bindparam("series"), exists().where(_IS_OPEN))
    .values(last_arrival=bindparam("at"))
)
ARRIVING = {"now": Outcome.PENDING, "because": "arriving"}
_CAME_BACK = {"now": Outcome.NOT_APPLICABLE, "because": "a result of this node that came back"}
_PRIOR = {"now": Outcome.NOT_APPLICABLE, "because": "fetched as a prior"}


def record(execute: Execute, instance: Instance, arrived: datetime) -> Recorded:
    """Write one instance within a transaction; a new one opens its exam, or the next revision of an assessed one.

    The lock on the exam orders this instance before or after an assessment, never beside it.

    Raises
    ------
    DuplicateInstance
        When the SOP Instance UID is known with other content; nothing was written.
    OtherPatient
        When the study belongs to another patient, or the series to another study; nothing was written.
    """
    header = instance.header
    keys = {
        "study": header.study_instance_uid,
        "series": header.series_instance_uid,
        "patient_id": header.patient.patient_id,
        "issuer": header.patient.issuer,
        "instance": header.sop_instance_uid,
    }
    exam = execute(OPEN_EXAM, keys)
    if exam is None:
        known = execute(_KNOWN, keys)
        if known is not None:
            if tuple(known) == (instance.stored.digest, header.transfer_syntax_uid):
                _repeated(execute, keys, arrived)
                return Recorded.DUPLICATE
            raise DuplicateInstance("SOP Instance UID exists with other content")
        _place(execute, header, keys, arrived)
    execute(_NEW_INSTANCE, values(instance, arrived))
    if exam is None and (apart := _apart(execute, keys)):
        execute(SERIES_GROWS, {**keys, "at": arrived, **apart})
        return Recorded.STORED
    execute(SERIES_GROWS, {**keys, "at": arrived, **ARRIVING})
    execute(_EXAM_GROWS, {"exam": exam[0] if exam else _opened_exam(execute, keys, arrived), "at": arrived})
    return Recorded.STORED


def _repeated(execute: Execute, keys: Mapping[str, str], arrived: datetime) -> None:
    """Nothing new for an open exam, but its sender is not done; what was here as a prior only is now an exam."""
    execute(_SERIES_STILL_COMES, {**keys, "at": arrived})
    execute(OPEN_EXAM_GROWS, {**keys, "at": arrived})
    if execute(_SPOKEN_FOR, keys) is None:
        _opened_exam(execute, keys, arrived)


def _apart(execute: Execute, keys: Mapping[str, str]) -> Mapping[str, str] | None:
    """What is said of a series that opens no exam; None for all others."""
    if execute(_OWN, keys):
        return _CAME_BACK
    return _PRIOR if execute(_FETCHED, keys) else None


def _place(execute: Execute, header: InstanceHeader, keys: Mapping[str, str], arrived: datetime) -> None:
    """Find or make patient, study and series; nothing is made for an instance that is then refused."""
    of_series = execute(STUDY_OF_SERIES, keys)
    if of_series is not None and of_series[0] != header.study_instance_uid:
        raise OtherPatient("the series belongs to another study")
    same_patient = execute(_IS_OF_PATIENT, keys)
    if same_patient is not None and not same_patient[0]:
        raise OtherPatient("the study belongs to another patient")

    def fact(keyword: str) -> str:
        return str(header.facts.get(keyword, ""))

    if same_patient is None:
        study = {
            "study_instance_uid": header.study_instance_uid,
            "patient": _patient(execute, header.patient, keys),
            "description": fact("StudyDescription"),
            "study_date": fact("StudyDate")[:32],
            "study_time": fact("StudyTime")[:32],
            "accession_number": fact("AccessionNumber"),
            "first_arrival": arrived,
        }
        execute(_NEW_STUDY, study)
    if of_series is None:
        series = {
            "series_instance_uid": header.series_instance_uid,
            "study_instance_uid": header.study_instance_uid,
            "number": fact("SeriesNumber")[:32],
            "modality": fact("Modality")[:32],
            "description": fact("SeriesDescription"),
            "outcome": Outcome.PENDING,
            "reason": "",
            "first_arrival": arrived,
            "last_arrival": arrived,
        }
        execute(_NEW_SERIES, series)


def _patient(execute: Execute, patient: Patient, keys: Mapping[str, str]) -> int:
    found = execute(_PATIENT, keys)
    if found is None:
        shortened = {"birth_date": patient.birth_date[:32], "sex": patient.sex[:16]}
        execute(_NEW_PATIENT, {**_columns(patient), **shortened})
        found = execute(_PATIENT, keys)
    return int(found[0]) if found else 0


def _opened_exam(execute: Execute, keys: Mapping[str, str], arrived: datetime) -> int:
    """The exam an instance belongs to that is not the common case: the latest revision, or the one after it."""
    latest = execute(_LATEST_EXAM, keys)
    if latest is None or latest[2] == ExamState.ASSESSED:
        revision = 1 if latest is None else latest[1] + 1
        exam = {"revision": revision, "state": ExamState.OPEN, "first_arrival": arrived, "last_arrival": arrived}
        execute(_NEW_EXAM, {"study_instance_uid": keys["study"], **exam})
        latest = execute(_LATEST_EXAM, keys)
    return int(latest[0]) if latest else 0


def values(instance: Instance, arrived: datetime) -> dict[str, Any]:
    """The columns of an instance's row."""
    header, stored = instance.header, instance.stored
    encoded = header.facts.encoded if isinstance(header.facts, EncodedFacts) else None
    return {
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "transfer_syntax_uid": header.transfer_syntax_uid,
        "series_instance_uid": header.series_instance_uid,
        "store_key": stored.key,
        "size": stored.size,
        "digest": stored.digest,
        "patient": {} if encoded else _columns(header.patient),
        "facts": {} if encoded else header.facts,
        "frames": header.frames,
        "header": encoded,
        "calling_aet": instance.calling_aet,
        "arrived": arrived,
    }


def _columns(patient: Patient) -> dict[str, str]:
    return {name: getattr(patient, name) for name in Patient.__slots__}
