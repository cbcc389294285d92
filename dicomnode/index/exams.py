"""Exams in the index: which are open, what they hold, what was decided about them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, update

from dicomnode.dicom.header import EncodedFacts
from dicomnode.domain.evidence import SeriesArrivals
from dicomnode.domain.exam import Arrivals, Assessment, ExamState, NoMatch, Outcome, SeriesVerdict
from dicomnode.domain.identity import (
    AETitle,
    Digest,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)
from dicomnode.domain.instance import Facts, Instance, InstanceHeader, Patient, StoredObject
from dicomnode.domain.stack import Stack
from dicomnode.index.database import Transaction
from dicomnode.index.schema import EventRow, ExamRow, InstanceRow, NoMatchRow, ObjectRow, SeriesRow, StackRow, StudyRow


def open_exams(session: Transaction) -> list[Arrivals]:
    """The exams whose stability clock runs."""
    rows = session.scalars(select(ExamRow).where(ExamRow.state == ExamState.OPEN))
    return [
        Arrivals(
            exam_id=row.id,
            study_instance_uid=StudyInstanceUID(row.study_instance_uid),
            revision=row.revision,
            first_arrival=row.first_arrival,
            last_arrival=row.last_arrival,
            last_release=row.last_release,
            sender=AETitle(row.sender),
        )
        for row in rows
    ]


def claim(session: Transaction, arrivals: Arrivals) -> bool:
    """Take an exam for assessment; False when an instance arrived since these arrivals were read."""
    exam = session.get(ExamRow, arrivals.exam_id, with_for_update=True)
    if exam is None or exam.state != ExamState.OPEN or exam.last_arrival != arrivals.last_arrival:
        return False
    exam.state = ExamState.ASSESSING
    return True


def note_decision(session: Transaction, exam_id: int, said: str, confidence: str = "") -> None:
    """Keep what the stability clock says of an exam, for those who ask why."""
    session.execute(update(ExamRow).where(ExamRow.id == exam_id).values(confidence=confidence, completeness=said))


def still_open(session: Transaction, exam_id: int, arrived: Sequence[SeriesArrivals]) -> bool:
    """Hold an exam's study, and say whether the exam is open and nothing was added to these series of it."""
    exam = session.get_one(ExamRow, exam_id)
    hold_study(session, exam.study_instance_uid)
    session.refresh(exam)
    rows = {one.series_instance_uid: session.get_one(SeriesRow, one.series_instance_uid) for one in arrived}
    unchanged = all(rows[one.series_instance_uid].last_arrival == one.last_arrival for one in arrived)
    return exam.state == ExamState.OPEN and unchanged


def hold_study(session: Transaction, study: str) -> None:
    """Let one transaction at a time change what is known of a study; taken before any other of its rows.

    Series, tasks and deliveries of a study are judged together. Two that judge side by side would miss each other's
    half, and wait for each other's rows. SQLite has one writer in any case.
    """
    session.get(StudyRow, study, with_for_update={"key_share": True})


def study_of(session: Transaction, exam_id: int) -> StudyInstanceUID:
    """The study an exam revision is of."""
    return StudyInstanceUID(session.get_one(ExamRow, exam_id).study_instance_uid)


def lock(session: Transaction, exam_id: int) -> StudyInstanceUID | None:
    """Lock an exam that waits for its assessment; None when it has had it already."""
    hold_study(session, session.get_one(ExamRow, exam_id).study_instance_uid)
    exam = session.get_one(ExamRow, exam_id, with_for_update=True)
    return None if exam.state == ExamState.ASSESSED else StudyInstanceUID(exam.study_instance_uid)


def instances(
    session: Transaction, study: StudyInstanceUID, series: Collection[SeriesInstanceUID] | None = None
) -> list[Instance]:
    """All instances of a study, or of some of its series, that are no results of this node, nor in a series of such."""
    query = (
        select(InstanceRow)
        .join(SeriesRow, SeriesRow.series_instance_uid == InstanceRow.series_instance_uid)
        .where(
            SeriesRow.study_instance_uid == study,
            InstanceRow.sop_instance_uid.not_in(select(ObjectRow.sop_instance_uid)),
            InstanceRow.series_instance_uid.not_in(select(ObjectRow.series_instance_uid)),
        )
        .order_by(InstanceRow.sop_instance_uid)
    )
    rows = session.scalars(query if series is None else query.where(SeriesRow.series_instance_uid.in_(series)))
    return [instance_of(row, study) for row in rows]


def instance_of(row: InstanceRow, study: StudyInstanceUID) -> Instance:
    """The value an instance row stands for."""
    patient, facts = header_of(row)
    return Instance(
        header=InstanceHeader(
            sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
            sop_class_uid=SOPClassUID(row.sop_class_uid),
            transfer_syntax_uid=TransferSyntaxUID(row.transfer_syntax_uid),
            series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
            study_instance_uid=study,
            patient=patient,
            facts=facts,
            frames=tuple(row.frames),
        ),
        stored=StoredObject(key=row.store_key, size=row.size, digest=Digest(row.digest)),
        calling_aet=AETitle(row.calling_aet),
    )


def header_of(row: InstanceRow) -> tuple[Patient, Facts]:
    """What an instance says of its patient and of itself, decoded when it arrived or now."""
    if row.header is None:
        return Patient(**row.patient), row.facts
    facts = EncodedFacts(row.header, row.transfer_syntax_uid)
    return facts.patient, facts


def write_assessment(session: Transaction, exam_id: int, assessment: Assessment, now: datetime) -> None:
    """Close an exam revision with everything that was decided, except the tasks themselves."""
    exam = session.get_one(ExamRow, exam_id)
    exam.state, exam.assessed = ExamState.ASSESSED, now
    session.add_all(_stack_row(exam_id, stack) for stack in assessment.stacks)
    session.add_all(_no_match_row(exam_id, refusal) for refusal in assessment.refusals)
    write_verdicts(session, assessment.verdicts)
    count = len(assessment.stacks)
    text = f"revision {exam.revision} assessed: {count} stacks, {len(assessment.tasks)} tasks"
    session.add(EventRow(at=now, study_instance_uid=exam.study_instance_uid, subject="exam", text=text))


def write_verdicts(session: Transaction, verdicts: Sequence[SeriesVerdict]) -> None:
    """State the outcome of each series."""
    for verdict in verdicts:
        session.execute(
            update(SeriesRow)
            .where(SeriesRow.series_instance_uid == verdict.series_instance_uid)
            .values(outcome=verdict.outcome, reason=verdict.reason)
        )


def refuse(session: Transaction, exam_id: int, reason: str, now: datetime) -> None:
    """Close an exam revision that could not be assessed: every series of it ends as failed."""
    if lock(session, exam_id) is None:
        return
    exam = session.get_one(ExamRow, exam_id)
    exam.state, exam.assessed = ExamState.ASSESSED, now
    session.execute(
        update(SeriesRow)
        .where(SeriesRow.study_instance_uid == exam.study_instance_uid, SeriesRow.outcome == Outcome.PENDING)
        .values(outcome=Outcome.FAILED, reason=reason)
    )
    session.add(EventRow(at=now, study_instance_uid=exam.study_instance_uid, subject="exam", text=reason))


def waiting(session: Transaction) -> list[int]:
    """Exams whose assessment was submitted and has not been written."""
    return list(session.scalars(select(ExamRow.id).where(ExamRow.state == ExamState.ASSESSING)))


def _stack_row(exam_id: int, stack: Stack) -> StackRow:
    return StackRow(
        exam=exam_id,
        stack_id=stack.stack_id,
        series_instance_uid=stack.series_instance_uid,
        role=stack.role.role,
        score=stack.role.score,
        reasons=list(stack.role.reasons),
        against=list(stack.role.against),
        notes=list(stack.notes),
        refusal=stack.refusal,
        instances=list(stack.instances),
    )


def _no_match_row(exam_id: int, refusal: NoMatch) -> NoMatchRow:
    return NoMatchRow(exam=exam_id, plugin=refusal.plugin, reason=refusal.reason, held=refusal.held)
