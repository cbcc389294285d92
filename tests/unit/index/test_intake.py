"""Instances are recorded once, refused when they contradict, and open exams."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import OperationalError

from dicomnode.domain.exam import Outcome
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OtherPatient, OutOfResources
from dicomnode.index import evidence, exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.schema import ExamRow, SeriesRow
from tests.disk import failing
from tests.values import SERIES, STUDY, assessment, at, instance, planned, result, stack, store_key


def _open(database: Database) -> list[tuple[int, int]]:
    with database.read() as session:
        return [(arrivals.exam_id, arrivals.revision) for arrivals in exams.open_exams(session)]


def test_a_new_instance_is_stored_and_opens_an_exam(database: Database) -> None:
    intake = Intake(database)
    assert intake.record(instance("1.1"), at(0)) is Recorded.STORED
    assert intake.record(instance("1.2"), at(3)) is Recorded.STORED
    with database.read() as session:
        (arrivals,) = exams.open_exams(session)
        (series,) = views.series(session, STUDY)
    assert (arrivals.first_arrival, arrivals.last_arrival, arrivals.revision) == (at(0), at(3), 1)
    assert (series["instances"], series["outcome"], series["modality"]) == (2, Outcome.PENDING, "MR")
    assert intake.keys("00000001") == {store_key("1.1"), store_key("1.2")}
    assert intake.keys("00000002") == set()


def test_the_same_bytes_again_change_nothing(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    assert intake.record(instance("1.1"), at(60)) is Recorded.DUPLICATE
    with database.read() as session:
        (arrivals,) = exams.open_exams(session)
    assert arrivals.last_arrival == at(60), "but the sender is not done"


@pytest.mark.parametrize("changed", [{"content": "other"}, {"syntax": "1.2.840.10008.1.2"}])
def test_other_bytes_under_a_known_uid_are_refused(database: Database, changed: dict[str, str]) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    with pytest.raises(DuplicateInstance):
        intake.record(instance("1.1", **changed), at(1))
    assert intake.keys("00000001") == {store_key("1.1")}


@pytest.mark.parametrize("other", [{"patient": "P2"}, {"issuer": "HOSPITAL B"}, {"study": "9.9"}])
def test_a_study_keeps_its_patient_and_a_series_its_study(database: Database, other: dict[str, str]) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    with pytest.raises(OtherPatient):
        intake.record(instance("1.2", **other), at(1))
    with database.read() as session:
        assert [study["patient_id"] for study in views.studies(session)] == ["P1"]
        assert [series["instances"] for series in views.series(session, STUDY)] == [1]


def test_a_late_instance_opens_the_next_revision(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    ((exam_id, _),) = _open(database)
    with database.write() as session:
        exams.write_assessment(session, exam_id, assessment(), at(20))
    assert _open(database) == []
    intake.record(instance("1.2"), at(30))
    ((_, revision),) = _open(database)
    assert revision == 2


@pytest.mark.parametrize(("returned", "series"), [("7.7", "7"), ("8.8", "7.0")])
def test_an_own_result_coming_back_opens_no_exam_under_another_series_or_instance_uid_either(
    database: Database, returned: str, series: str
) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    ((exam_id, _),) = _open(database)
    with database.write() as session:
        task = planned("t", stack("1.1"))
        exams.write_assessment(session, exam_id, assessment(task), at(20))
        tasks.plan(session, exam_id, [task], at(20))
        tasks.start(session, task.task_id, 1, at(21))
        tasks.finish(session, task.task_id, 1, [(result("7.7", series="7.0"), instance("7.7").stored)], [], at(22))
    intake.record(instance(returned, series=series), at(30))
    assert _open(database) == []
    with database.read() as session:
        own = [one for one in views.series(session, STUDY) if one["series_instance_uid"] == series]
        left = [one.header.sop_instance_uid for one in exams.instances(session, STUDY)]
    assert left == ["1.1"]
    assert [(one["outcome"], one["reason"]) for one in own] == [
        (Outcome.NOT_APPLICABLE, "a result of this node that came back")
    ]


def test_a_release_is_noted_for_open_exams_of_its_studies_only(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    intake.record(instance("2.1", study="2", series="2.0"), at(0))
    intake.released(instance("1.1").calling_aet, frozenset({SERIES}), at(5))
    with database.read() as session:
        noted = {arrivals.study_instance_uid: arrivals.last_release for arrivals in exams.open_exams(session)}
    assert noted == {STUDY: at(5), "2": None}


def test_instances_of_one_new_study_on_many_associations_at_once(database: Database) -> None:
    intake = Intake(database)
    errors: list[Exception] = []

    def bring(first: int) -> None:
        try:
            for n in range(first, 40, 4):
                intake.record(instance(f"1.{n}", series=f"1.2.3.{n % 3}"), at(n))
        except Exception as error:  # noqa: BLE001 - shown by the assertion
            errors.append(error)

    threads = [threading.Thread(target=bring, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with database.read() as session:
        assert sum(series["instances"] for series in views.series(session, STUDY)) == 40
    assert [revision for _, revision in _open(database)] == [1]


def test_a_database_that_does_not_answer_is_a_lack_of_resources(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE quarantine")
    with pytest.raises(OutOfResources):
        Intake(database).quarantine("k", 1, 0xC000, "torn", instance("1.1").calling_aet, "1.1", at(0))


@contextmanager
def failing_commits(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both ways to the database do their work and then fail to say so."""

    def away(*_: object) -> None:
        raise OperationalError("COMMIT", None, ConnectionError("the server restarts"))

    event.listen(database.engine, "commit", away)
    with failing(monkeypatch):
        yield
    event.remove(database.engine, "commit", away)


def test_only_a_commit_that_fails_leaves_it_in_doubt_whether_the_instance_is_recorded(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Were it there after all, a second attempt would find a duplicate of itself, and its file would be dropped.
    with failing_commits(database, monkeypatch):
        for uid in ("1.1", "1.2"):  # one that opens an exam, and one more
            with pytest.raises(InDoubt):
                Intake(database).record(instance(uid), at(0))
        with pytest.raises(OutOfResources):
            Intake(database).released(AETitle("SENDER"), frozenset({SERIES}), at(1))
    with database.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE instance")
    with pytest.raises(OutOfResources) as caught:
        Intake(database).record(instance("1.1"), at(0))
    assert not isinstance(caught.value, InDoubt)


def test_a_release_is_noted_for_the_series_it_brought_and_the_pause_after_it_is_kept(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    intake.released(AETitle("SENDER"), frozenset({SERIES}), at(5))
    intake.record(instance("2.1", series="1.2.3.2"), at(9))
    intake.record(instance("2.2", series="1.2.3.2"), at(30))
    intake.released(AETitle("SENDER"), frozenset({SeriesInstanceUID("1.2.3.2")}), at(31))
    with database.read() as session:
        (exam,) = session.scalars(select(ExamRow))
        assert (exam.sender, exam.longest_pause, exam.last_release) == ("SENDER", 4.0, at(31))
        released = {row.series_instance_uid: row.released for row in session.scalars(select(SeriesRow))}
    assert released == {SERIES: at(5), "1.2.3.2": at(31)}


def test_a_pause_that_outlasted_the_revision_counts_too(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    intake.released(AETitle("SENDER"), frozenset({SERIES}), at(5))
    ((exam_id, _),) = _open(database)
    with database.write() as session:
        exams.write_assessment(session, exam_id, assessment(), at(20))
    intake.record(instance("2.1", series="1.2.3.2"), at(65))
    intake.released(AETitle("SENDER"), frozenset({SeriesInstanceUID("1.2.3.2")}), at(66))
    with database.read() as session:
        assert [exam.longest_pause for exam in session.scalars(select(ExamRow).order_by(ExamRow.id))] == [0.0, 60.0]


def test_a_repetition_shows_that_the_sender_of_an_open_exam_is_not_done(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.1"), at(0))
    intake.released(AETitle("SENDER"), frozenset({SERIES}), at(5))
    assert intake.record(instance("1.1"), at(9)) is Recorded.DUPLICATE
    with database.read() as session:
        (series,) = evidence.series(session, STUDY)
        (arrivals,) = exams.open_exams(session)
    assert (series.is_released, series.instances, arrivals.last_arrival) == (False, 1, at(9))
    with database.write() as session:
        exams.write_assessment(session, arrivals.exam_id, assessment(), at(20))
    assert intake.record(instance("1.1"), at(30)) is Recorded.DUPLICATE
    with database.read() as session:
        assert evidence.series(session, STUDY)[0].last_arrival == at(9), "an exam that is judged stays as it is"


def test_a_release_beside_arrivals_of_the_same_study_stops_neither(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.0"), at(0))
    series = frozenset({SeriesInstanceUID("1.2.3.1")})

    def arrive(number: int) -> Recorded:
        return intake.record(instance(f"1.{number}"), at(number))

    with ThreadPoolExecutor(8) as threads:
        arrived = [threads.submit(arrive, number) for number in range(1, 60)]
        released = [threads.submit(intake.released, AETitle("SCANNER"), series, at(n)) for n in range(1, 60)]
        assert {future.result() for future in arrived} == {Recorded.STORED}
        assert [future.result() for future in released] == [None] * 59
