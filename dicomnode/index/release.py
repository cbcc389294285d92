"""What the release of an association changes: a hint for completeness, not a proof."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, func, literal, select, update

from dicomnode.domain.exam import ExamState
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.index.arrival import STUDY_OF_SERIES
from dicomnode.index.driver import Execute
from dicomnode.index.schema import ExamRow, SeriesRow, StudyRow

_HOLD = (
    select(literal(1))
    .where(StudyRow.study_instance_uid == bindparam("study"))
    .with_for_update(key_share=True, of=StudyRow)
)
_SERIES_RELEASED = (
    update(SeriesRow.__table__)  # type: ignore[arg-type]
    .where(SeriesRow.series_instance_uid == bindparam("series"))
    .values(released=bindparam("at"))
)
_OPEN = (
    select(ExamRow.id, ExamRow.longest_pause)
    .where(ExamRow.study_instance_uid == bindparam("study"), ExamRow.state == ExamState.OPEN.value)
    .with_for_update()
)
_LAST_RELEASE = (
    select(ExamRow.last_release)
    .where(ExamRow.study_instance_uid == bindparam("study"), ExamRow.last_release.is_not(None))
    .order_by(ExamRow.revision.desc())
    .limit(1)
)
_NEXT_SERIES = select(func.min(SeriesRow.first_arrival)).where(
    SeriesRow.study_instance_uid == bindparam("study"), SeriesRow.first_arrival > bindparam("since")
)
_EXAM_RELEASED = (
    update(ExamRow.__table__)  # type: ignore[arg-type]
    .where(ExamRow.id == bindparam("exam"))
    .values(last_release=bindparam("at"), sender=bindparam("by"), longest_pause=bindparam("pause"))
)


def note(execute: Execute, calling_aet: AETitle, series: Collection[SeriesInstanceUID], at: datetime) -> None:
    """Note within a transaction that the sender of these series said it is done."""
    studies = {found[0] for one in series if (found := execute(STUDY_OF_SERIES, {"series": one}))}
    for study in sorted(studies):
        execute(_HOLD, {"study": study})  # as arrivals do, else each waits for the other
    for one in sorted(series):
        execute(_SERIES_RELEASED, {"series": one, "at": at})
    for study in sorted(studies):
        exam = execute(_OPEN, {"study": study})
        if exam is not None:
            pause = max(exam[1], _pause(execute, study))
            execute(_EXAM_RELEASED, {"exam": exam[0], "at": at, "by": calling_aet, "pause": pause})


def _pause(execute: Execute, study: str) -> float:
    """Seconds from the release before this one to the next new series; 0 when there is none.

    A late slice of a series that is here is no manner of its sender: it is missed by other evidence.
    """
    before = execute(_LAST_RELEASE, {"study": study})
    if before is None:
        return 0.0
    begun = execute(_NEXT_SERIES, {"study": study, "since": before[0]})
    return (begun[0] - before[0]).total_seconds() if begun is not None and begun[0] is not None else 0.0
