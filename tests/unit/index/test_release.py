"""A release changes the series it names and their open exams, and nothing else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update

from dicomnode.domain.exam import ExamState
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.schema import ExamRow, SeriesRow
from tests.values import at, instance


def contents(database: Database) -> tuple[dict[str, Any], dict[str, Any]]:
    with database.read() as session:
        series = {
            row.series_instance_uid: (row.released, row.last_arrival) for row in session.scalars(select(SeriesRow))
        }
        exams = {
            (row.study_instance_uid, row.revision): (row.sender, row.last_release, row.longest_pause, row.last_arrival)
            for row in session.scalars(select(ExamRow))
        }
    return series, exams


def test_one_release_of_series_of_several_studies(database: Database) -> None:
    intake = Intake(database)
    for study in ("1", "2", "3"):
        for number in (1, 2):
            series = f"{study}.{number}"
            intake.record(instance(f"{series}.1", study=study, series=series), at(number))
    with database.write() as session:
        assessed = ExamRow.study_instance_uid == "3"
        session.execute(update(ExamRow).where(assessed).values(state=ExamState.ASSESSED))
    named = frozenset(map(SeriesInstanceUID, ("1.1", "1.2", "2.1", "3.1", "9.9")))
    intake.released(AETitle("SCANNER"), named, at(5))
    assert contents(database) == (
        {
            "1.1": (at(5), at(1)),
            "1.2": (at(5), at(2)),
            "2.1": (at(5), at(1)),
            "2.2": (None, at(2)),
            "3.1": (at(5), at(1)),
            "3.2": (None, at(2)),
        },
        {
            ("1", 1): ("SCANNER", at(5), 0.0, at(2)),
            ("2", 1): ("SCANNER", at(5), 0.0, at(2)),
            ("3", 1): ("", None, 0.0, at(2)),
        },
    )


def test_the_longest_pause_stays_and_a_late_slice_is_none(database: Database) -> None:
    intake, one = Intake(database), frozenset({SeriesInstanceUID("1.1")})
    intake.record(instance("1.1.1", study="1", series="1.1"), at(0))
    intake.released(AETitle("SCANNER"), one, at(1))
    intake.record(instance("1.1.2", study="1", series="1.1"), at(100))
    intake.released(AETitle("SCANNER"), one, at(101))
    assert contents(database)[1] == {("1", 1): ("SCANNER", at(101), 0.0, at(100))}
    intake.record(instance("1.2.1", study="1", series="1.2"), at(131))
    intake.record(instance("1.3.1", study="1", series="1.3"), at(141))
    intake.released(AETitle("OTHER"), one, at(150))
    assert contents(database)[1] == {("1", 1): ("OTHER", at(150), 30.0, at(141))}
    intake.record(instance("1.4.1", study="1", series="1.4"), at(155))
    intake.released(AETitle("OTHER"), one, at(160))
    assert contents(database)[1] == {("1", 1): ("OTHER", at(160), 30.0, at(155))}
