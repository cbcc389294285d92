"""What a site has told of its patients, and what of it is about one study."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select

from dicomnode.domain.exam import ExamState
from dicomnode.domain.patient_facts import Told
from dicomnode.index.database import Transaction
from dicomnode.index.exams import hold_study
from dicomnode.index.schema import ExamRow, NoMatchRow, PatientRow, StackRow, StudyRow
from dicomnode.index.schema_advice import PatientFactRow

_KEPT = timedelta(days=90)
"""A fact of a patient who never came is forgotten after that."""


def tell(session: Transaction, told: Iterable[Told], now: datetime, since: datetime) -> list[int]:
    """Keep facts.

    Returns
    -------
    list of int
        Exams with images since a moment that were assessed without them: they have to be assessed again, and wait
        for it from now on.
    """
    session.execute(delete(PatientFactRow).where(PatientFactRow.received < now - _KEPT))
    told = list(told)
    before = {exam.id: known(session, exam.study_instance_uid) for exam in _recent(session, told, since)}
    session.add_all(
        PatientFactRow(
            patient_id=one.patient_id,
            issuer=one.issuer,
            accession_number=one.accession_number,
            name=one.name,
            value=one.value,
            source=one.source,
            observed=one.observed,
            received=now,
        )
        for one in told
    )
    session.flush()
    stale = []
    for exam in _recent(session, told, since):
        if known(session, exam.study_instance_uid) == before.get(exam.id):
            continue
        hold_study(session, exam.study_instance_uid)
        session.refresh(exam)
        if exam.state == ExamState.ASSESSED:
            exam.state = ExamState.ASSESSING
            for table in (StackRow, NoMatchRow):
                session.execute(delete(table).where(table.exam == exam.id))
            stale.append(exam.id)
    return stale


def _recent(session: Transaction, told: Iterable[Told], since: datetime) -> list[ExamRow]:
    """The assessed latest revisions, with images since a moment, of these patients' exams."""
    latest = select(func.max(ExamRow.id)).group_by(ExamRow.study_instance_uid)
    return list(
        session.scalars(
            select(ExamRow)
            .join(StudyRow, StudyRow.study_instance_uid == ExamRow.study_instance_uid)
            .join(PatientRow, PatientRow.id == StudyRow.patient)
            .where(
                ExamRow.id.in_(latest),
                ExamRow.state == ExamState.ASSESSED,
                ExamRow.last_arrival >= since,
                PatientRow.patient_id.in_({one.patient_id for one in told}),
            )
        )
    )


def known(session: Transaction, study: str) -> dict[str, float | str]:
    """What is told of a study's patient and its order: of each name the latest observation.

    Patient ID must be the same, and the issuer where both sides name one; a fact of an order counts for the study of
    its Accession Number only.
    """
    found = session.execute(
        select(PatientRow.patient_id, PatientRow.issuer, StudyRow.accession_number)
        .join(StudyRow, StudyRow.patient == PatientRow.id)
        .where(StudyRow.study_instance_uid == study)
    ).first()
    if found is None or not found[0]:
        return {}
    patient_id, issuer, accession = found
    rows = session.scalars(
        select(PatientFactRow).where(
            PatientFactRow.patient_id == patient_id,
            or_(PatientFactRow.accession_number == "", PatientFactRow.accession_number == accession),
        )
    ).all()
    fitting = [row for row in rows if not (row.issuer and issuer) or row.issuer == issuer]
    fitting.sort(key=lambda row: (row.observed or row.received, row.id))
    return {row.name: row.value for row in fitting}
