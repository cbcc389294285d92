"""Advice survives a restart word for word; its events are the trail."""

from dataclasses import replace

from dicomnode.domain.advice import Advice, AdviceKind, Origin, acknowledge, state
from dicomnode.domain.task import TaskState
from dicomnode.index import advice, exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import STUDY, assessment, at, instance, planned, stack


def opened(database: Database) -> Advice:
    Intake(database).record(instance("1.1", series="1.2.3.1", AccessionNumber="A1"), at(0))
    Intake(database).record(instance("1.2", series="1.2.3.1", AccessionNumber="A1"), at(1))
    Intake(database).record(instance("2.1", series="1.2.3.2", AccessionNumber="A1", ContrastBolusAgent="X"), at(2))
    with database.read() as session:
        (found,) = advice.unadvised(session, ())
        assert advice.unadvised(session, [STUDY]) == []
    assert found.first_arrival == at(0)
    assert sorted(str(one.get("ContrastBolusAgent", "-")) for one in found.series) == ["-", "X"]
    return Advice(study_instance_uid=STUDY, exam_id=found.exam_id, label=("A1",), opened=at(0), deadline=at(90))


def test_it_comes_back_as_it_was_kept(database: Database) -> None:
    awaited = opened(database)
    said = state(awaited, AdviceKind.MAY_BE_OMITTED, "why", Origin.PLUGIN, at(5), cautions=("c",), task_id="a" * 64)
    seen = acknowledge(said, AdviceKind.MAY_BE_OMITTED, "A. Doe", at(6))
    for number, one in enumerate((awaited, said, seen)):
        with database.write() as session:
            advice.keep(session, one, f"step {number}", at(number))
        with database.read() as session:
            assert advice.recent(session, at(0)) == [one]
            assert advice.unadvised(session, ()) == []
    with database.read() as session:
        assert advice.recent(session, at(5.1)) == []
        assert advice.between(session, at(5), at(6)) == [seen]
        assert [one["text"] for one in views.events(session, STUDY) if one["subject"] == "advice"] == [
            "step 0",
            "step 1",
            "step 2",
        ]


def test_exams_that_ended_are_known(database: Database) -> None:
    exam = opened(database).exam_id
    with database.read() as session:
        assert advice.ended(session, [exam, 999], ["fat_fraction"]) == {999}
    with database.write() as session:
        exams.write_assessment(session, exam, assessment(), at(3))
    with database.read() as session:
        assert advice.ended(session, [exam], ["fat_fraction"]) == {exam}
        assert advice.unadvised(session, ()) == []
    with database.write() as session:
        ((task, attempt),) = tasks.plan(session, exam, [planned("a", stack("1.1"))], at(4))
    with database.read() as session:
        assert advice.ended(session, [exam], ["fat_fraction"]) == set()
        assert advice.ended(session, [exam], ["fusion"]) == {exam}
    with database.write() as session:
        tasks.end(session, task, attempt, TaskState.FAILED, "crashed", at(5))
    with database.read() as session:
        assert advice.ended(session, [exam], ["fat_fraction"]) == {exam}


def test_an_exam_that_has_gone_keeps_nothing(database: Database) -> None:
    gone = replace(opened(database), study_instance_uid="9.9.9")
    with database.write() as session:
        advice.keep(session, gone, "said", at(1))
    with database.read() as session:
        assert advice.recent(session, at(0)) == []
