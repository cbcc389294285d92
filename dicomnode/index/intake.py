"""What the receiver writes: instances, quarantine, releases. Each call is one committed transaction."""

from __future__ import annotations

import sqlite3
from contextlib import nullcontext
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.identity import AETitle, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import Instance, InstanceHeader, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OtherPatient, OutOfResources
from dicomnode.index import arrival
from dicomnode.index.database import Database
from dicomnode.index.driver import Driver, through
from dicomnode.index.exams import hold_study
from dicomnode.index.schema import ExamRow, InstanceRow, ObjectRow, PatientRow, QuarantineRow, SeriesRow, StudyRow
from dicomnode.index.turns import Turns

_RACES = 5  # two associations may bring the first instances of one study at once; the loser looks again


class Intake:
    """The receiver's side of the index.

    Parameters
    ----------
    database : Database
        Of the index.
    strict : bool
        Each commit on SQLite waits until it is on the disk. It need not: a power cut may take the last rows, but their
        files are safe, and recovery at the next start makes the same rows of them.
    """

    def __init__(self, database: Database, *, strict: bool = False) -> None:
        self._database = database
        # PostgreSQL has many writers at a time and flushes for all of them together by itself.
        sqlite = database.engine.dialect.name == "sqlite"
        self._turns = Turns(Driver(database.engine, "FULL" if strict else "NORMAL")) if sqlite else None

    def record(self, instance: Instance, arrived: datetime) -> Recorded:
        """Commit one instance; a new one opens its exam, or the next revision of an assessed one.

        Raises
        ------
        DuplicateInstance
            When the SOP Instance UID is known with other content.
        OtherPatient
            When the study belongs to another patient, or the series to another study.
        OutOfResources
            When the database does not take it now; InDoubt when it may have taken it all the same.
        """
        failure: type[OutOfResources] = OutOfResources
        try:
            for _ in range(_RACES):
                try:
                    failure = InDoubt  # together with others: only a failed commit is told
                    if self._turns is not None and self._turns.one_more(instance, arrived):
                        return Recorded.STORED
                    failure = OutOfResources
                    with self._turns.alone() if self._turns else nullcontext(), self._database.write() as session:
                        recorded = self._alone(session, instance, arrived)
                        session.flush()
                        failure = InDoubt  # from here on only the commit can fail
                    return recorded
                except IntegrityError:
                    continue
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise failure("the index does not take instances now") from error
        raise OutOfResources("the index is too busy with this study")

    def _alone(self, session: Session, instance: Instance, arrived: datetime) -> Recorded:
        if self._turns is None:
            hold_study(session, instance.header.study_instance_uid)
            if arrival.one_more(through(session.connection()), instance, arrived):
                return Recorded.STORED
        return _record(session, instance, arrived)

    def quarantine(
        self,
        key: str,
        size: int,
        status: int,
        reason: str,
        calling_aet: AETitle,
        sop_instance_uid: str,
        arrived: datetime,
    ) -> None:
        """Commit that refused bytes are kept, and why.

        Raises
        ------
        OutOfResources
            When the database does not take it now.
        """
        row = QuarantineRow(
            store_key=key,
            size=size,
            status=status,
            reason=reason,
            calling_aet=calling_aet,
            sop_instance_uid=sop_instance_uid,
            arrived=arrived,
        )
        try:
            with self._database.write() as session:
                session.add(row)
        except SQLAlchemyError as error:
            raise OutOfResources("the index does not take quarantine rows now") from error

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID], at: datetime) -> None:
        """Note that the sender of these series said it is done: a hint for completeness, not a proof."""
        brought = SeriesRow.series_instance_uid.in_(series)
        studies = select(SeriesRow.study_instance_uid).where(brought)
        with self._database.write() as session:
            session.execute(update(SeriesRow).where(brought).values(released=at))
            rows = session.scalars(
                select(ExamRow).where(ExamRow.study_instance_uid.in_(studies), ExamRow.state == ExamState.OPEN)
            )
            for exam in rows:
                exam.longest_pause = max(exam.longest_pause, _pause(session, exam))
                exam.last_release, exam.sender = at, calling_aet

    def knows(self, study: StudyInstanceUID) -> bool:
        """Whether instances of the study were recorded before."""
        with self._database.read() as session:
            return session.get(StudyRow, study) is not None

    def close(self) -> None:
        """Close the connection that is its own."""
        if self._turns is not None:
            self._turns.close()

    def keys(self) -> set[str]:
        """Store keys that an instance or a result object owns."""
        with self._database.read() as session:
            received = session.scalars(select(InstanceRow.store_key))
            made = session.scalars(select(ObjectRow.store_key))
            return {*received, *made}


def _pause(session: Session, exam: ExamRow) -> float:
    """Seconds from the release before this one to the first instance after it; 0 when this is the first."""
    before = exam.last_release or session.scalar(
        select(ExamRow.last_release)
        .where(ExamRow.study_instance_uid == exam.study_instance_uid, ExamRow.last_release.is_not(None))
        .order_by(ExamRow.revision.desc())
        .limit(1)
    )
    if before is None:
        return 0.0
    after = session.scalar(
        select(func.min(InstanceRow.arrived))
        .join(SeriesRow, SeriesRow.series_instance_uid == InstanceRow.series_instance_uid)
        .where(SeriesRow.study_instance_uid == exam.study_instance_uid, InstanceRow.arrived > before)
    )
    return (after - before).total_seconds() if after is not None else 0.0


def _record(session: Session, instance: Instance, arrived: datetime) -> Recorded:
    header = instance.header
    known = session.get(InstanceRow, header.sop_instance_uid)
    if known is not None:
        if known.digest == instance.stored.digest and known.transfer_syntax_uid == header.transfer_syntax_uid:
            return Recorded.DUPLICATE
        raise DuplicateInstance("SOP Instance UID exists with other content")
    own = session.get(ObjectRow, header.sop_instance_uid) is not None
    _place(session, header, arrived, own=own)
    session.add(InstanceRow(**arrival.values(instance, arrived)))
    if not own:
        _open_exam(session, header.study_instance_uid, arrived)
    return Recorded.STORED


def _place(session: Session, header: InstanceHeader, arrived: datetime, *, own: bool) -> None:
    """Find or make patient, study and series; nothing is made for an instance that is then refused."""
    patient = header.patient
    hold_study(session, header.study_instance_uid)
    study = session.get(StudyRow, header.study_instance_uid)
    series = session.get(SeriesRow, header.series_instance_uid)
    if series is not None and series.study_instance_uid != header.study_instance_uid:
        raise OtherPatient("the series belongs to another study")
    if study is not None:
        owner = session.get_one(PatientRow, study.patient)
        if (owner.patient_id, owner.issuer) != (patient.patient_id, patient.issuer):
            raise OtherPatient("the study belongs to another patient")
    else:
        session.add(
            StudyRow(
                study_instance_uid=header.study_instance_uid,
                patient=_patient(session, header).id,
                description=str(header.facts.get("StudyDescription", "")),
                study_date=str(header.facts.get("StudyDate", ""))[:32],
                study_time=str(header.facts.get("StudyTime", ""))[:32],
                accession_number=str(header.facts.get("AccessionNumber", "")),
                first_arrival=arrived,
            )
        )
        session.flush()
    if series is None:
        series = SeriesRow(
            series_instance_uid=header.series_instance_uid,
            study_instance_uid=header.study_instance_uid,
            number=str(header.facts.get("SeriesNumber", ""))[:32],
            modality=str(header.facts.get("Modality", ""))[:32],
            description=str(header.facts.get("SeriesDescription", "")),
        )
        session.add(series)
    series.last_arrival = arrived
    series.outcome = Outcome.NOT_APPLICABLE if own else Outcome.PENDING
    series.reason = "a result of this node that came back" if own else "arriving"
    session.flush()


def _patient(session: Session, header: InstanceHeader) -> PatientRow:
    patient = header.patient
    row = session.scalar(
        select(PatientRow).where(PatientRow.patient_id == patient.patient_id, PatientRow.issuer == patient.issuer)
    )
    if row is None:
        row = PatientRow(
            patient_id=patient.patient_id,
            issuer=patient.issuer,
            name=patient.name,
            birth_date=patient.birth_date[:32],
            sex=patient.sex[:16],
        )
        session.add(row)
        session.flush()
    return row


def _open_exam(session: Session, study: StudyInstanceUID, arrived: datetime) -> None:
    """The lock on the latest revision orders this instance before or after an assessment, never beside it."""
    exam = session.scalar(
        select(ExamRow)
        .where(ExamRow.study_instance_uid == study)
        .order_by(ExamRow.revision.desc())
        .limit(1)
        .with_for_update()
    )
    if exam is None or exam.state == ExamState.ASSESSED:
        exam = ExamRow(
            study_instance_uid=study,
            revision=1 if exam is None else exam.revision + 1,
            state=ExamState.OPEN,
            first_arrival=arrived,
        )
        session.add(exam)
    exam.last_arrival = arrived
