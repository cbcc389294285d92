"""Advice in the index: which exams await one, and what was stated and acknowledged, each with its event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from dicomnode.domain.advice import Advice, AdviceKind, Hindsight, Origin, hindsight
from dicomnode.domain.exam import ExamState
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.domain.instance import Facts
from dicomnode.domain.task import TaskState
from dicomnode.index.database import Transaction
from dicomnode.index.exams import header_of
from dicomnode.index.schema import EventRow, ExamRow, InstanceRow, PatientRow, SeriesRow, StudyRow, TaskRow
from dicomnode.index.schema_advice import AdviceRow
from dicomnode.index.schema_monitor import OutcomeRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Unadvised:
    """An open exam on which nothing is awaited or stated."""

    study_instance_uid: StudyInstanceUID
    exam_id: int
    first_arrival: datetime
    series: tuple[Facts, ...]
    """Header facts of one instance of each series."""


def unadvised(session: Transaction, known: Iterable[str]) -> list[Unadvised]:
    """Open exams without an advice, besides those that are known already."""
    rows = session.execute(
        select(ExamRow.study_instance_uid, ExamRow.id, StudyRow.first_arrival)
        .join(StudyRow, StudyRow.study_instance_uid == ExamRow.study_instance_uid)
        .outerjoin(AdviceRow, AdviceRow.study_instance_uid == ExamRow.study_instance_uid)
        .where(ExamRow.state == ExamState.OPEN, AdviceRow.study_instance_uid.is_(None))
    )
    passed = set(known)
    return [
        Unadvised(
            study_instance_uid=StudyInstanceUID(study),
            exam_id=exam,
            first_arrival=first,
            series=tuple(facts_of_series(session, study)),
        )
        for study, exam, first in rows
        if study not in passed
    ]


def facts_of_series(session: Transaction, study: str) -> list[Facts]:
    """Header facts of one instance of each series of a study."""
    one_each = (
        select(func.min(InstanceRow.sop_instance_uid))
        .join(SeriesRow, SeriesRow.series_instance_uid == InstanceRow.series_instance_uid)
        .where(SeriesRow.study_instance_uid == study)
        .group_by(InstanceRow.series_instance_uid)
    )
    rows = session.scalars(select(InstanceRow).where(InstanceRow.sop_instance_uid.in_(one_each)))
    return [header_of(row)[1] for row in rows]


def ended(session: Transaction, exams: Iterable[int], advising: Iterable[str]) -> set[int]:
    """Those of these exams that are assessed, or gone, and that no plugin which advises works on any more."""
    wanted = set(exams)
    at_work = (
        select(ExamRow.id)
        .join(TaskRow, TaskRow.study_instance_uid == ExamRow.study_instance_uid)
        .where(
            ExamRow.id.in_(wanted),
            TaskRow.plugin.in_(set(advising)),
            TaskRow.state.in_((TaskState.QUEUED, TaskState.RUNNING)),
        )
    )
    alive = session.scalars(select(ExamRow.id).where(ExamRow.id.in_(wanted), ExamRow.state != ExamState.ASSESSED))
    return wanted - set(alive) - set(session.scalars(at_work))


def keep(session: Transaction, advice: Advice, said: str, now: datetime) -> None:
    """Write an advice as it is now, and the event that made it so."""
    if session.get(StudyRow, advice.study_instance_uid) is None:
        return  # it went by retention meanwhile
    session.merge(
        AdviceRow(
            study_instance_uid=advice.study_instance_uid,
            exam=advice.exam_id,
            label=list(advice.label),
            opened=advice.opened,
            deadline=advice.deadline,
            counting=advice.counting,
            kind=advice.kind or "",
            reason=advice.reason,
            cautions=list(advice.cautions),
            origin=advice.origin or "",
            stated=advice.stated,
            task_id=advice.task_id,
            acknowledged_by=advice.acknowledged_by,
            acknowledged=advice.acknowledged,
        )
    )
    session.add(EventRow(at=now, study_instance_uid=advice.study_instance_uid, subject="advice", text=said))


def note(session: Transaction, advice: Advice, said: str, now: datetime) -> None:
    """Add an event about an advice to the trail of its study."""
    session.add(EventRow(at=now, study_instance_uid=advice.study_instance_uid, subject="advice", text=said))


def notice(session: Transaction, study: StudyInstanceUID) -> tuple[Advice, str, str, str] | None:
    """The stated advice on a study, with Patient ID, its issuer, and Accession Number; None when there is none."""
    row = session.get(AdviceRow, study)
    found = session.execute(
        select(PatientRow.patient_id, PatientRow.issuer, StudyRow.accession_number)
        .join(StudyRow, StudyRow.patient == PatientRow.id)
        .where(StudyRow.study_instance_uid == study)
    ).first()
    if row is None or not row.kind or found is None:
        return None
    return _advice(row), found[0], found[1], found[2]


def recent(session: Transaction, since: datetime) -> list[Advice]:
    """Every advice that is awaited, or was stated since a moment."""
    rows = session.scalars(select(AdviceRow).where((AdviceRow.kind == "") | (AdviceRow.stated >= since)))
    return [_advice(row) for row in rows]


def outcomes(session: Transaction) -> dict[StudyInstanceUID, bool]:
    """What turned out to be true of advised exams, by the outcomes imported for the plugin that advised."""
    rows = session.execute(
        select(AdviceRow.study_instance_uid, OutcomeRow.positive)
        .join(TaskRow, TaskRow.task_id == AdviceRow.task_id)
        .join(
            OutcomeRow,
            (OutcomeRow.study_instance_uid == AdviceRow.study_instance_uid) & (OutcomeRow.plugin == TaskRow.plugin),
        )
    )
    return {StudyInstanceUID(study): positive for study, positive in rows}


def score(session: Transaction, studies: Iterable[StudyInstanceUID], now: datetime) -> list[Hindsight]:
    """Add to the trail of these studies how right their advice was, by the outcomes that are known now."""
    known, scores = outcomes(session), []
    for study in studies:
        row = session.get(AdviceRow, study)
        found = hindsight(AdviceKind(row.kind), known.get(study)) if row is not None and row.kind else None
        if row is not None and found is not None:
            note(session, _advice(row), f"in hindsight: {found}", now)
            scores.append(found)
    return scores


def between(session: Transaction, first: datetime, last: datetime) -> list[Advice]:
    """Every advice stated from one moment until before another."""
    rows = session.scalars(
        select(AdviceRow).where(AdviceRow.stated >= first, AdviceRow.stated < last).order_by(AdviceRow.stated)
    )
    return [_advice(row) for row in rows]


def _advice(row: AdviceRow) -> Advice:
    return Advice(
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        exam_id=row.exam,
        label=tuple(row.label),
        opened=row.opened,
        deadline=row.deadline,
        counting=row.counting,
        kind=AdviceKind(row.kind) if row.kind else None,
        reason=row.reason,
        cautions=tuple(row.cautions),
        origin=Origin(row.origin) if row.origin else None,
        stated=row.stated,
        task_id=row.task_id,
        acknowledged_by=row.acknowledged_by,
        acknowledged=row.acknowledged,
    )
