"""Priors in the index: what was searched for an exam, what was fetched, and which earlier instances are here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select

from dicomnode.domain.exam import ExamState
from dicomnode.domain.identity import SOPInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import Instance
from dicomnode.index import exams
from dicomnode.index.database import Transaction
from dicomnode.index.schema import (
    EventRow,
    ExamRow,
    InstanceRow,
    NoMatchRow,
    PriorRow,
    PriorSearchRow,
    SeriesRow,
    StackRow,
    StudyRow,
)


class PriorState(StrEnum):
    """The life of a search, and of the fetching of one prior."""

    UNDERWAY = "underway"
    FETCHED = "fetched"
    NONE = "none"
    """There is nothing to fetch."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of one prior, or of asking one peer."""

    state: PriorState
    reason: str
    instances: int = 0


def state(session: Transaction, study: StudyInstanceUID) -> PriorState | None:
    """How the search for priors of a study stands; None when none was begun."""
    row = session.get(PriorSearchRow, study)
    return None if row is None else PriorState(row.state)


def begin_search(session: Transaction, study: StudyInstanceUID, now: datetime) -> None:
    """Note that priors of a study are being searched."""
    session.add(PriorSearchRow(study_instance_uid=study, state=PriorState.UNDERWAY, reason="", begun=now, ended=None))


def end_search(session: Transaction, study: StudyInstanceUID, result: Fetched, now: datetime) -> int | None:
    """End a search, once; returns the exam that has to be assessed again, unless a later revision will be anyway."""
    exams.hold_study(session, study)
    row = session.get(PriorSearchRow, study, with_for_update=True)
    if row is None or row.state != PriorState.UNDERWAY:
        return None
    row.state, row.reason, row.ended = result.state, result.reason, now
    for prior in session.scalars(select(PriorRow).where(PriorRow.searched_for == study)):
        if prior.state == PriorState.UNDERWAY:
            prior.state, prior.reason = PriorState.FAILED, result.reason
    session.add(EventRow(at=now, study_instance_uid=study, subject="prior", text=f"priors: {result.reason}"))
    exam = session.scalar(
        select(ExamRow).where(ExamRow.study_instance_uid == study).order_by(ExamRow.revision.desc()).limit(1)
    )
    if exam is None or exam.state != ExamState.ASSESSED:
        return None
    exam.state = ExamState.ASSESSING
    for table in (StackRow, NoMatchRow):
        for old in session.scalars(select(table).where(table.exam == exam.id)):
            session.delete(old)
    return exam.id


def begin(session: Transaction, study: StudyInstanceUID, prior: StudyInstanceUID, peer: str) -> int:
    """Note that a prior is being fetched: until its end its instances open no exam of their own."""
    row = PriorRow(
        searched_for=study, study_instance_uid=prior, peer=peer, state=PriorState.UNDERWAY, reason="", instances=0
    )
    session.add(row)
    session.flush()
    return row.id


def end(session: Transaction, prior: int, result: Fetched) -> None:
    """Write what became of a prior."""
    row = session.get_one(PriorRow, prior)
    row.state, row.reason, row.instances = result.state, result.reason, result.instances


def underway(session: Transaction, begun_before: datetime) -> list[StudyInstanceUID]:
    """Studies whose search was begun before a moment and has not ended."""
    rows = session.scalars(
        select(PriorSearchRow.study_instance_uid).where(
            PriorSearchRow.state == PriorState.UNDERWAY, PriorSearchRow.begun < begun_before
        )
    )
    return [StudyInstanceUID(uid) for uid in rows]


def known(session: Transaction, uids: Collection[str]) -> set[SOPInstanceUID]:
    """Which of these instances are here."""
    rows = session.scalars(select(InstanceRow.sop_instance_uid).where(InstanceRow.sop_instance_uid.in_(uids)))
    return {SOPInstanceUID(uid) for uid in rows}


def size(session: Transaction, study: StudyInstanceUID) -> int:
    """Bytes of a study that are here."""
    total = session.scalar(
        select(func.sum(InstanceRow.size))
        .join(SeriesRow, SeriesRow.series_instance_uid == InstanceRow.series_instance_uid)
        .where(SeriesRow.study_instance_uid == study)
    )
    return int(total or 0)


def earlier(session: Transaction, study: StudyInstanceUID, most: int) -> list[Instance]:
    """Instances of the patient's other studies that are here, of so many newest ones."""
    row = session.get_one(StudyRow, study)
    others: Sequence[str] = session.scalars(
        select(StudyRow.study_instance_uid)
        .where(
            StudyRow.patient == row.patient,
            StudyRow.study_instance_uid != study,
            StudyRow.study_date <= row.study_date,
        )
        .order_by(StudyRow.study_date.desc(), StudyRow.study_instance_uid)
        .limit(most)
    ).all()
    return [instance for other in others for instance in exams.instances(session, StudyInstanceUID(other))]
