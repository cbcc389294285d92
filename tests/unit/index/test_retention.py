"""What is held of an exam, and that not one row of it stays, on both databases."""

from __future__ import annotations

from sqlalchemy import func, select

from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import ExamState, Outcome
from dicomnode.domain.task import TaskState
from dicomnode.index import deliveries, exams, ledger, priors, retention, tasks
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.schema import ProcedureStepRow, ProcedureStepStudyRow, SourceCountRow, Table
from tests.unit.monitor.decisions import entry
from tests.values import STUDY, assessment, at, instance, planned, result, stack, store_key

TASK = planned("a", stack("1.1", "1.2"))


def exam(database: Database) -> None:
    """Two images, a task, two results of which one has left, a procedure step, a count, a search for priors."""
    for uid in ("1.1", "1.2"):
        Intake(database).record(instance(uid), at(0))
    with database.write() as session:
        (arrivals,) = exams.open_exams(session)
        exams.write_assessment(session, arrivals.exam_id, assessment(TASK), at(10))
        tasks.plan(session, arrivals.exam_id, [TASK], at(10))
        tasks.start(session, TASK.task_id, 1, at(11))
        made = [(result("7.1", "SR"), instance("7.1").stored), (result("7.2", "SEG"), instance("7.2").stored)]
        tasks.finish(session, TASK.task_id, 1, made, [("pacs", frozenset({"SR"}))], at(12))
        priors.begin_search(session, STUDY, at(13))
        for step, studies in (("5.1", [STUDY]), ("5.2", [STUDY, "1.2.4"])):
            session.add(
                ProcedureStepRow(sop_instance_uid=step, state="COMPLETED", images={}, calling_aet="MR", updated=at(14))
            )
            session.flush()
            session.add_all(ProcedureStepStudyRow(sop_instance_uid=step, study_instance_uid=uid) for uid in studies)
        session.add(SourceCountRow(study_instance_uid=STUDY, peer="pacs", instances={}, asked=at(15)))


def test_what_is_held_is_what_the_rows_say(database: Database) -> None:
    exam(database)
    with database.read() as session:
        assert retention.quiet_since(session, at(-1)) == []
        assert retention.quiet_since(session, at(0)) == [STUDY]
        held = retention.holding(session, STUDY)
    assert held is not None
    (task,) = held.tasks
    assert (task.state, task.attempt, task.objects) == (TaskState.DONE, 1, 2)
    assert task.deliveries == (("pacs", DeliveryState.QUEUED),)
    assert ([state for _, state in held.exams], held.outcomes) == ([ExamState.ASSESSED], (Outcome.DONE,))
    assert (held.last_arrival, held.last_result, held.in_use) == (at(0), at(12), True)
    with database.write() as session:
        assert len(deliveries.pending(session, TASK.task_id, "pacs")) == 1
        priors.end_search(session, STUDY, priors.Fetched(state=priors.PriorState.NONE, reason=""), at(16))
        after = retention.holding(session, STUDY)
    assert after is not None
    assert not after.in_use


def test_every_row_goes_and_every_file_is_leaving(database: Database) -> None:
    exam(database)
    with database.write() as session:
        held = retention.holding(session, STUDY)
        assert held is not None
        ledger.record(session, [entry(1, task_id=TASK.task_id, study_instance_uid=STUDY)])
        retention.take_away(session, held, at(20))
    with database.read() as session:
        left = {
            table.name: session.scalar(select(func.count()).select_from(table))
            for table in Table.metadata.sorted_tables
        }
        keys = retention.leaving(session)
        assert retention.holding(session, STUDY) is None
    assert {name: count for name, count in left.items() if count} == {
        "decision": 1,  # its outcome may be known much later
        "event": 1,
        "leaving": 4,
        "procedure_step": 1,  # which is about another study too
        "procedure_step_study": 1,
    }
    assert sorted(keys) == sorted(store_key(uid) for uid in ("1.1", "1.2", "7.1", "7.2"))
    with database.write() as session:
        retention.gone(session, keys[:3])
        assert retention.leaving(session) == keys[3:]
