"""What the index tells the stability clock."""

from __future__ import annotations

from datetime import timedelta

from dicomnode.domain.evidence import Manner, SeriesArrivals, SeriesEvidence
from dicomnode.domain.identity import AETitle, Digest, SeriesInstanceUID
from dicomnode.index import evidence, exams
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import SERIES, STUDY, assessment, at, digest, instance

SENDER = AETitle("SENDER")
PROTOCOL = Digest(digest("t1 dixon"))


def _arrived(uid: str, count: int = 1, second: float = 0, released: float | None = None) -> SeriesArrivals:
    return SeriesArrivals(
        series_instance_uid=SeriesInstanceUID(uid),
        label="series without number",
        instances=count,
        last_arrival=at(second),
        released=None if released is None else at(released),
    )


def _exam(database: Database, study: str, pause: float) -> None:
    """A study of two associations, assessed."""
    intake = Intake(database)
    for n, second in enumerate((0.0, 1.0 + pause)):
        series = SeriesInstanceUID(f"{study}.{n}")
        intake.record(instance(f"{study}.{n}.1", study=study, series=series), at(second))
        intake.released(SENDER, frozenset({series}), at(second + 1))
    with database.write() as session:
        exams.write_assessment(session, exams.open_exams(session)[0].exam_id, assessment(), at(9999))


def test_a_series_has_its_instances_its_last_arrival_and_its_release(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1", SeriesNumber=4), at(0))
    intake.record(instance("1.2", SeriesNumber=4), at(3))
    intake.released(SENDER, frozenset({SERIES}), at(5))
    intake.record(instance("2.1", series="1.2.3.2"), at(7))
    with database.read() as session:
        first, second = evidence.series(session, STUDY)
    assert (first.label, first.instances, first.last_arrival, first.is_released) == ("series 4", 2, at(3), True)
    assert second == _arrived("1.2.3.2", 1, 7)
    intake.record(instance("1.3", SeriesNumber=4), at(8))
    with database.read() as session:
        assert not evidence.series(session, STUDY)[0].is_released


def test_the_manner_of_a_sender_is_the_longest_pause_of_its_exams(database: Database) -> None:
    for study, pause in (("7", 2.0), ("8", 40.0), ("9", 7200.0)):
        _exam(database, study, pause)
    Intake(database).record(instance("1.1"), at(0))
    with database.read() as session:
        assert evidence.manner(session, SENDER) == Manner(exams=3, longest_pause=timedelta(seconds=40))
        assert evidence.manner(session, AETitle("OTHER")) == Manner()
        assert evidence.manner(session, AETitle("")) == Manner()


def test_what_was_whole_is_learned_once_for_each_series(database: Database) -> None:
    intake = Intake(database)
    for second, uid in enumerate(("5.1", "5.2", "5.3")):
        intake.record(instance(f"{uid}.1", series=uid), at(second))
        whole = SeriesEvidence(arrivals=_arrived(uid, 30 + second), protocol=PROTOCOL)
        for _ in range(2):
            with database.write() as session:
                evidence.learn(session, [whole])
    with database.read() as session:
        assert evidence.learned(session, PROTOCOL, besides=SeriesInstanceUID("5.3")) == [31, 30]
        assert evidence.learned(session, PROTOCOL, besides=SERIES) == [32, 31, 30]
        assert evidence.learned(session, None, besides=SERIES) == []


def test_what_the_source_holds_is_compared_with_what_is_here_now(database: Database) -> None:
    Intake(database).record(instance("1.1"), at(0))
    arrived = [_arrived(SERIES, 3), _arrived("1.2.3.2", 5)]
    with database.write() as session:
        assert evidence.source(session, STUDY, arrived) is None
        for held in (9, 4):
            counts = {SERIES: held, SeriesInstanceUID("1.2.3.9"): 7}
            evidence.note_source(
                session, STUDY, "pacs", {SeriesInstanceUID(uid): n for uid, n in counts.items()}, at(2)
            )
    with database.read() as session:
        found = evidence.source(session, STUDY, arrived)
    assert found is not None
    assert (found.peer, found.asked, found.missing) == ("pacs", at(2), {SERIES: 1, "1.2.3.2": 0})
