"""What the index knows about whether an exam is whole: arrivals, procedure steps, counts, the manner of the sender."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from sqlalchemy import func, select, update

from dicomnode.domain.evidence import Manner, ProcedureStep, SeriesArrivals, SeriesEvidence, SourceCount, StepState
from dicomnode.domain.exam import ExamState
from dicomnode.domain.identity import AETitle, Digest, SeriesInstanceUID, StudyInstanceUID
from dicomnode.index.database import Transaction
from dicomnode.index.schema import (
    ExamRow,
    InstanceRow,
    ObjectRow,
    ProcedureStepRow,
    ProcedureStepStudyRow,
    SeriesRow,
    SourceCountRow,
)

MANNER_OF = 100
"""Exams of a sender, the newest, that its manner is read from."""
COUNTS_OF = 10
"""Series of a protocol, the newest, whose number of instances is remembered."""
LONGEST_PAUSE_S = 3600.0
"""A longer pause inside one study is another visit or a correction, and no manner."""


def series(session: Transaction, study: StudyInstanceUID) -> list[SeriesArrivals]:
    """The series of a study that are not only results of this node, and when they came."""
    rows = session.execute(
        select(SeriesRow, func.count())
        .join(InstanceRow, InstanceRow.series_instance_uid == SeriesRow.series_instance_uid)
        .where(
            SeriesRow.study_instance_uid == study,
            InstanceRow.sop_instance_uid.not_in(select(ObjectRow.sop_instance_uid)),
            InstanceRow.series_instance_uid.not_in(select(ObjectRow.series_instance_uid)),
        )
        .group_by(SeriesRow.series_instance_uid)
        .order_by(SeriesRow.series_instance_uid)
    )
    return [
        SeriesArrivals(
            series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
            label=f"series {row.number or 'without number'}",
            instances=count,
            last_arrival=row.last_arrival,
            released=row.released,
        )
        for row, count in rows
    ]


def steps(session: Transaction, study: StudyInstanceUID) -> tuple[ProcedureStep, ...]:
    """What modalities state about a study."""
    rows = session.scalars(
        select(ProcedureStepRow)
        .join(ProcedureStepStudyRow, ProcedureStepStudyRow.sop_instance_uid == ProcedureStepRow.sop_instance_uid)
        .where(ProcedureStepStudyRow.study_instance_uid == study)
        .order_by(ProcedureStepRow.sop_instance_uid)
    ).all()
    if not rows:
        return ()
    here = set(
        session.scalars(
            select(InstanceRow.sop_instance_uid)
            .join(SeriesRow, SeriesRow.series_instance_uid == InstanceRow.series_instance_uid)
            .where(SeriesRow.study_instance_uid == study)
        )
    )
    return tuple(
        ProcedureStep(
            state=StepState(row.state),
            updated=row.updated,
            missing={SeriesInstanceUID(uid): len(set(named) - here) for uid, named in row.images.items()},
        )
        for row in rows
    )


def source(session: Transaction, study: StudyInstanceUID, arrived: Iterable[SeriesArrivals]) -> SourceCount | None:
    """What the source of a study last said that it holds of it."""
    row = session.get(SourceCountRow, study)
    if row is None:
        return None
    missing = {
        one.series_instance_uid: row.instances.get(one.series_instance_uid, 0) - one.instances for one in arrived
    }
    return SourceCount(peer=row.peer, asked=row.asked, missing={uid: max(0, n) for uid, n in missing.items()})


def note_source(
    session: Transaction, study: StudyInstanceUID, peer: str, counts: Mapping[SeriesInstanceUID, int], now: datetime
) -> None:
    """Keep what the source of a study says that it holds."""
    session.merge(SourceCountRow(study_instance_uid=study, peer=peer, instances=dict(counts), asked=now))


def manner(session: Transaction, sender: AETitle) -> Manner:
    """How a sender has behaved in its last exams."""
    if not sender:
        return Manner()
    newest = (
        select(ExamRow.longest_pause)
        .where(ExamRow.sender == sender, ExamRow.state == ExamState.ASSESSED)
        .order_by(ExamRow.id.desc())
        .limit(MANNER_OF)
    )
    pauses = session.scalars(newest).all()
    usual = max((pause for pause in pauses if pause <= LONGEST_PAUSE_S), default=0.0)
    return Manner(exams=len(pauses), longest_pause=timedelta(seconds=usual))


def learned(session: Transaction, protocol: Digest | None, besides: SeriesInstanceUID) -> list[int]:
    """How many instances earlier series of a protocol had, the newest first."""
    if protocol is None:
        return []
    rows = session.scalars(
        select(SeriesRow.settled)
        .where(SeriesRow.protocol == protocol, SeriesRow.series_instance_uid != besides)
        .order_by(SeriesRow.last_arrival.desc())
        .limit(COUNTS_OF)
    )
    return [count for count in rows if count is not None]


def learn(session: Transaction, whole: Iterable[SeriesEvidence]) -> None:
    """Remember how many instances a series had that was judged whole."""
    for one in whole:
        session.execute(
            update(SeriesRow)
            .where(SeriesRow.series_instance_uid == one.arrivals.series_instance_uid)
            .values(protocol=one.protocol, settled=one.arrivals.instances)
        )
