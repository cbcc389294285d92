"""A prior is fetched without becoming an exam, and the exam that waits for it goes on."""

from __future__ import annotations

from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.domain.instance import Instance
from dicomnode.index import exams, priors, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.priors import Fetched, PriorState
from tests.values import STUDY, assessment, at, instance

PRIOR = StudyInstanceUID("1.9")


def fetched(uid: str) -> Instance:
    return instance(uid, study=PRIOR, series="1.9.1", StudyDate="20250101")


def _searching(database: Database) -> int:
    Intake(database).record(instance("1.1", StudyDate="20260301"), at(0))
    with database.write() as session:
        (arrivals,) = [one for one in exams.open_exams(session) if one.study_instance_uid == STUDY]
        exams.write_assessment(session, arrivals.exam_id, assessment(), at(10))
        priors.begin_search(session, STUDY, at(10))
        return priors.begin(session, STUDY, PRIOR, "pacs")


def test_what_is_fetched_opens_no_exam_and_what_is_sent_does(database: Database) -> None:
    row = _searching(database)
    Intake(database).record(fetched("9.1"), at(11))
    with database.write() as session:
        assert exams.open_exams(session) == []
        (series,) = views.series(session, PRIOR)
        assert (series["outcome"], series["reason"]) == ("not applicable", "fetched as a prior")
        assert priors.known(session, ["9.1", "9.2"]) == {"9.1"}
        assert priors.size(session, PRIOR) == 100
        assert [i.header.sop_instance_uid for i in priors.earlier(session, STUDY, 3)] == ["9.1"]
        assert priors.earlier(session, PRIOR, 3) == []
        priors.end(session, row, Fetched(state=PriorState.FETCHED, reason="1 instances", instances=1))
    Intake(database).record(fetched("9.1"), at(12))
    with database.read() as session:
        (arrivals,) = exams.open_exams(session)
    assert arrivals.study_instance_uid == PRIOR


def test_an_open_exam_gets_what_comes_while_it_is_fetched_for_another(database: Database) -> None:
    Intake(database).record(fetched("9.1"), at(0))
    _searching(database)
    Intake(database).record(instance("9.2", study=PRIOR, series="1.9.2", StudyDate="20250101"), at(11))
    with database.read() as session:
        (arrivals,) = exams.open_exams(session)
        assert (arrivals.study_instance_uid, arrivals.last_arrival) == (PRIOR, at(11))
        assert {series["outcome"] for series in views.series(session, PRIOR)} == {"pending"}


def test_a_search_ends_once_and_has_the_exam_assessed_again(database: Database) -> None:
    _searching(database)
    with database.write() as session:
        assert priors.state(session, STUDY) is PriorState.UNDERWAY
        assert priors.underway(session, at(10)) == []
        assert priors.underway(session, at(11)) == [STUDY]
        failed = Fetched(state=PriorState.FAILED, reason="not here within 20 s")
        exam_id = priors.end_search(session, STUDY, failed, at(30))
        assert exam_id is not None
        assert exams.waiting(session) == [exam_id]
        assert priors.end_search(session, STUDY, failed, at(31)) is None
        assert [(prior["state"], prior["reason"]) for prior in views.priors(session, STUDY)] == [
            ("failed", "not here within 20 s")
        ] * 2
        assert views.events(session, STUDY)[-1]["text"] == "priors: not here within 20 s"


def test_a_later_revision_is_not_assessed_before_its_time(database: Database) -> None:
    _searching(database)
    Intake(database).record(instance("1.2"), at(20))
    with database.write() as session:
        result = Fetched(state=PriorState.NONE, reason="nothing there")
        assert priors.end_search(session, STUDY, result, at(30)) is None
        assert len(exams.open_exams(session)) == 1
