"""Exams in the index that may have had their time: what is held of them, and taking every row of one away."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, delete, exists, or_, select

from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.identity import Digest, StudyInstanceUID
from dicomnode.domain.retention import HeldTask, Holding
from dicomnode.domain.task import TaskState
from dicomnode.index.database import Transaction
from dicomnode.index.exams import hold_study
from dicomnode.index.priors import PriorState
from dicomnode.index.schema import (
    CommitmentRow,
    DeliveryRow,
    EventRow,
    ExamRow,
    InstanceRow,
    LeavingRow,
    NoMatchRow,
    ObjectRow,
    PatientRow,
    PriorRow,
    PriorSearchRow,
    ProcedureStepRow,
    ProcedureStepStudyRow,
    SeriesRow,
    SourceCountRow,
    StackRow,
    StudyRow,
    TaskInputRow,
    TaskRow,
)
from dicomnode.index.schema_advice import AdviceRow, PatientFactRow


def quiet_since(session: Transaction, moment: datetime) -> list[StudyInstanceUID]:
    """Studies of which nothing has arrived since a moment, the oldest first."""
    later = exists().where(SeriesRow.study_instance_uid == StudyRow.study_instance_uid, SeriesRow.last_arrival > moment)
    rows = session.scalars(
        select(StudyRow.study_instance_uid)
        .where(StudyRow.first_arrival <= moment, ~later)
        .order_by(StudyRow.first_arrival)
    )
    return [StudyInstanceUID(uid) for uid in rows]


def holding(session: Transaction, study: StudyInstanceUID) -> Holding | None:
    """What is held of a study, which no other transaction changes until this one ends; None when it is gone."""
    hold_study(session, study)
    row = session.get(StudyRow, study)
    if row is None:
        return None
    series = session.scalars(select(SeriesRow).where(SeriesRow.study_instance_uid == study)).all()
    exams = session.execute(select(ExamRow.id, ExamRow.state).where(ExamRow.study_instance_uid == study))
    tasks = session.scalars(select(TaskRow).where(TaskRow.study_instance_uid == study)).all()
    moved = [moment for task in tasks for moment in _moments(session, task)]
    return Holding(
        study_instance_uid=study,
        exams=tuple((exam, ExamState(state)) for exam, state in exams),
        outcomes=tuple(Outcome(one.outcome) for one in series),
        tasks=tuple(_task(session, task) for task in tasks),
        in_use=_is_in_use(session, study),
        last_arrival=max((one.last_arrival for one in series), default=row.first_arrival),
        last_result=max(moved, default=None),
    )


def _task(session: Transaction, row: TaskRow) -> HeldTask:
    deliveries = session.execute(
        select(DeliveryRow.peer, DeliveryRow.state).where(DeliveryRow.task_id == row.task_id).order_by(DeliveryRow.id)
    )
    return HeldTask(
        task_id=Digest(row.task_id),
        attempt=row.attempt,
        state=TaskState(row.state),
        objects=len(session.scalars(select(ObjectRow.store_key).where(ObjectRow.task_id == row.task_id)).all()),
        deliveries=tuple((peer, DeliveryState(state)) for peer, state in deliveries),
    )


def _moments(session: Transaction, row: TaskRow) -> list[datetime]:
    changed = session.scalars(select(DeliveryRow.updated).where(DeliveryRow.task_id == row.task_id))
    return [row.ended or row.created, *changed]


def _is_in_use(session: Transaction, study: str) -> bool:
    """Whether another exam's rows point at this study's series, or a search for priors has not ended."""
    series = _series(study)
    feeds = exists().where(
        TaskInputRow.series_instance_uid.in_(series),
        TaskInputRow.task_id == TaskRow.task_id,
        TaskRow.study_instance_uid != study,
    )
    seen = exists().where(
        StackRow.series_instance_uid.in_(series), StackRow.exam == ExamRow.id, ExamRow.study_instance_uid != study
    )
    searching = exists().where(PriorSearchRow.study_instance_uid == study, PriorSearchRow.state == PriorState.UNDERWAY)
    fetching = exists().where(PriorRow.study_instance_uid == study, PriorRow.state == PriorState.UNDERWAY)
    return bool(session.scalar(select(or_(feeds, seen, searching, fetching))))


def take_away(session: Transaction, held: Holding, now: datetime) -> None:
    """Delete every row of a study; its files are then leaving, and one event says what went."""
    study, tasks = held.study_instance_uid, _tasks(held.study_instance_uid)
    series, exams = _series(study), select(ExamRow.id).where(ExamRow.study_instance_uid == study)
    images = session.scalars(select(InstanceRow.store_key).where(InstanceRow.series_instance_uid.in_(series))).all()
    results = session.scalars(select(ObjectRow.store_key).where(ObjectRow.task_id.in_(tasks))).all()
    session.add_all(LeavingRow(store_key=key) for key in (*images, *results))
    patient = session.get_one(StudyRow, study).patient
    _steps_go(session, study)
    rows: list[tuple[type, ColumnElement[bool]]] = [
        (DeliveryRow, DeliveryRow.task_id.in_(tasks)),
        (CommitmentRow, CommitmentRow.task_id.in_(tasks)),
        (ObjectRow, ObjectRow.task_id.in_(tasks)),
        (TaskInputRow, TaskInputRow.task_id.in_(tasks)),
        (TaskRow, TaskRow.study_instance_uid == study),
        (StackRow, StackRow.exam.in_(exams)),
        (NoMatchRow, NoMatchRow.exam.in_(exams)),
        (ExamRow, ExamRow.study_instance_uid == study),
        (SourceCountRow, SourceCountRow.study_instance_uid == study),
        (AdviceRow, AdviceRow.study_instance_uid == study),
        (PriorRow, PriorRow.searched_for == study),
        (PriorSearchRow, PriorSearchRow.study_instance_uid == study),
        (InstanceRow, InstanceRow.series_instance_uid.in_(series)),
        (SeriesRow, SeriesRow.study_instance_uid == study),
        (EventRow, EventRow.study_instance_uid == study),
        (StudyRow, StudyRow.study_instance_uid == study),
        (PatientFactRow, PatientFactRow.patient_id.in_(_goes_with(patient))),
        (PatientRow, and_(PatientRow.id == patient, ~exists().where(StudyRow.patient == PatientRow.id))),
    ]
    session.flush()
    for table, which in rows:
        session.execute(delete(table).where(which).execution_options(synchronize_session=False))
    text = (
        f"went by retention: {len(held.outcomes)} series, {len(images)} images, {len(results)} results; "
        f"last image {held.last_arrival:%Y-%m-%d}, everything ended and proven"
    )
    session.add(EventRow(at=now, study_instance_uid=study, subject="exam", text=text))


def leaving(session: Transaction) -> list[str]:
    """Keys of the files that must go."""
    return list(session.scalars(select(LeavingRow.store_key)))


def gone(session: Transaction, keys: Collection[str]) -> None:
    """Forget files that are surely gone."""
    for key in keys:
        session.execute(delete(LeavingRow).where(LeavingRow.store_key == key))


def _steps_go(session: Transaction, study: str) -> None:
    """Procedure steps about this study, unless they are about another one too."""
    about = ProcedureStepStudyRow.study_instance_uid == study
    steps = session.scalars(select(ProcedureStepStudyRow.sop_instance_uid).where(about)).all()
    session.execute(delete(ProcedureStepStudyRow).where(about))
    left = exists().where(ProcedureStepStudyRow.sop_instance_uid == ProcedureStepRow.sop_instance_uid)
    session.execute(delete(ProcedureStepRow).where(ProcedureStepRow.sop_instance_uid.in_(steps), ~left))


def _series(study: str) -> Select[str]:
    return select(SeriesRow.series_instance_uid).where(SeriesRow.study_instance_uid == study)


def _goes_with(patient: int) -> Select[str]:
    """The Patient ID of a patient that no study is left of."""
    return select(PatientRow.patient_id).where(
        PatientRow.id == patient, ~exists().where(StudyRow.patient == PatientRow.id)
    )


def _tasks(study: str) -> Select[str]:
    return select(TaskRow.task_id).where(TaskRow.study_instance_uid == study)
