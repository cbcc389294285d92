"""What the receiver writes: instances, quarantine, releases. Each call is one committed transaction."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from dicomnode.domain.identity import AETitle, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import InDoubt, OutOfResources
from dicomnode.index import arrival, release, succession
from dicomnode.index.database import Database
from dicomnode.index.driver import Driver, through
from dicomnode.index.exams import hold_study
from dicomnode.index.holdings import Holdings
from dicomnode.index.schema import QuarantineRow, StudyRow
from dicomnode.index.turns import Queue, Turns

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
    queue : Path, optional
        File that processes which receive side by side lock in turn; only SQLite needs it.
    """

    def __init__(self, database: Database, *, strict: bool = False, queue: Path | None = None) -> None:
        self._database = database
        # PostgreSQL has many writers at a time and flushes for all of them together by itself.
        sqlite = database.engine.dialect.name == "sqlite"
        synchronous = "FULL" if strict else "NORMAL"
        driver = Driver(database.engine, synchronous, succession.VIEW)
        self._turns = Turns(driver, Queue(queue) if queue else nullcontext()) if sqlite else None

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
        if self._turns is not None:
            return self._turns.record(instance, arrived)
        failure: type[OutOfResources] = OutOfResources
        try:
            for _ in range(_RACES):
                try:
                    with self._database.write() as session:
                        hold_study(session, instance.header.study_instance_uid)
                        recorded = arrival.record(through(session.connection()), instance, arrived)
                        failure = InDoubt  # from here on only the commit can fail
                    return recorded
                except IntegrityError:
                    failure = OutOfResources
        except SQLAlchemyError as error:
            raise failure("the index does not take instances now") from error
        raise OutOfResources("the index is too busy with this study")

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

    def quarantined(self) -> int:
        """Bytes that are in quarantine."""
        with self._database.read() as session:
            return int(session.scalar(select(func.sum(QuarantineRow.size))) or 0)

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID], at: datetime) -> None:
        """Note that the sender of these series said it is done: a hint for completeness, not a proof.

        Raises
        ------
        OutOfResources
            When the database does not take it now.
        """
        if self._turns is not None:
            self._turns.released(calling_aet, series, at)
            return
        try:
            with self._database.write() as session:
                release.note(through(session.connection()), calling_aet, series, at)
        except SQLAlchemyError as error:
            raise OutOfResources("the index does not take releases now") from error

    def knows(self, study: StudyInstanceUID) -> bool:
        """Whether instances of the study were recorded before."""
        with self._database.read() as session:
            return session.get(StudyRow, study) is not None

    def close(self) -> None:
        """Close the connection that is its own."""
        if self._turns is not None:
            self._turns.close()

    def keys(self, shelf: str) -> set[str]:
        """Store keys on one shelf that an instance or a result object owns."""
        return Holdings(self._database).keys(shelf)

    def flush(self) -> None:
        """Return when all that was committed survives a power cut.

        Raises
        ------
        OutOfResources
            When readers or writers do not let it happen now.
        """
        if self._turns is None:
            return  # PostgreSQL answers a commit when it is durable
        with closing(self._database.engine.raw_connection()) as pooled:  # no transaction: none may be checkpointed in
            connection: Any = pooled.driver_connection
            try:
                busy, pages, written = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            except sqlite3.Error as error:
                raise OutOfResources("the index cannot be flushed now") from error
        if busy or pages != written:
            raise OutOfResources("the index is too busy to be flushed")
