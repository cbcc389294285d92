"""Each workflow reads where things stand, and ends in a stated outcome whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from dicomnode.advice import Board
from dicomnode.catalog.models import Filled
from dicomnode.catalog.plugins import Enabled
from dicomnode.domain.advice import AdviceKind
from dicomnode.domain.decision import Freeze, Stream
from dicomnode.domain.exam import Outcome
from dicomnode.domain.identity import AETitle
from dicomnode.domain.task import ResultObject, TaskState
from dicomnode.errors import PluginCrashed, PluginTimedOut, Unsuitable
from dicomnode.index import alarms, exams, ledger, references, tasks, views
from dicomnode.pipeline import Pipeline, retry
from dicomnode.sdk import Decision
from dicomnode.settings import PeerSettings, RouteSettings
from tests.plugin_zoo import spec
from tests.values import STUDY, assessment, at, result
from tests.world import TASK, World, a_world, arrived, queued


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def _executed(world: World, monkeypatch: pytest.MonkeyPatch, *results: ResultObject) -> None:
    queued(world)
    world.workers.answer = results
    monkeypatch.setattr("dicomnode.pipeline.run", lambda *_: [])
    world.pipeline.execute(TASK.task_id, 1)


@pytest.mark.parametrize(("lane", "workflow"), [("express", "express"), ("normal", "execute")])
def test_a_task_is_submitted_to_the_queue_of_its_lane(world: World, lane: str, workflow: str) -> None:
    exam_id = arrived(world)
    zoo = Enabled(spec=spec("mean", lane=lane), parameters={})
    with world.database.write() as session:
        pipeline = Pipeline(replace(world.parts, plugins={"zoo": zoo}))
        pipeline.plan(session, exam_id, [TASK], whole=True)
        pipeline.plan(session, exam_id, [TASK], whole=True)
    assert world.submitted.calls == [(workflow, f"execute-{TASK.task_id}-1", (TASK.task_id, 1), 0.0)]


def test_a_task_that_somebody_waits_for_is_begun_once_it_is_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    exam_id = arrived(world)
    asked = replace(spec("mean", lane="express"), advises=True, produces=("Measurement", "Recommendation"))
    pipeline = Pipeline(replace(world.parts, plugins={"zoo": Enabled(spec=asked, parameters={})}))
    found = replace(assessment(TASK), verdicts=())
    monkeypatch.setattr("dicomnode.pipeline.assess.assess", lambda *_: found)
    begun: list[tuple[object, ...]] = []

    def begin(*arguments: object) -> None:
        with world.database.write() as session:  # SQLite has one writer: the transaction before has ended
            begun.append((*arguments, tasks.load(session, TASK.task_id).state))

    monkeypatch.setattr(pipeline.direct, "begin", begin)
    pipeline.assess(exam_id)
    assert begun == [(TASK.task_id, 1, TaskState.QUEUED)]


def test_an_assessment_gives_every_series_a_reason_and_runs_once(world: World) -> None:
    exam_id = arrived(world)
    world.pipeline.assess(exam_id)
    outcome, reason = world.series()
    assert (outcome, bool(reason)) == (Outcome.REFUSED, True)
    with world.database.read() as session:
        events = views.events(session, STUDY)
    world.pipeline.assess(exam_id)
    with world.database.read() as session:
        assert views.events(session, STUDY) == events


def test_an_assessment_notes_the_streams_the_exam_came_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    came = {Stream(sender=AETitle("SENDER"), scanner="Siemens Vida", protocol="t1_tse")}
    monkeypatch.setattr("dicomnode.pipeline.streams", lambda stacks, instances: came if len(instances) == 2 else set())
    world.pipeline.assess(arrived(world))
    with world.database.write() as session:
        assert references.arrivals(session, at(-1)) == {stream: [at(0)] for stream in came}


def test_results_are_stored_committed_and_submitted_for_delivery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _executed(world, monkeypatch, result("7.1", "SR"), result("7.2", "SEG"))
    assert world.series() == (Outcome.DONE, "zoo done: 1 SEG, 1 SR for pacs")
    arguments = (TASK.task_id, 1, "pacs", "0", 1)
    assert world.submitted.calls == [("deliver", f"deliver-{TASK.task_id}-1-pacs/0-1", arguments, 0.0)]
    assert not list((world.parts.settings.node.data / "cases").glob("*")), "the case directory is removed"


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (Unsuitable("no liver in it"), Outcome.NOT_APPLICABLE, "zoo not applicable: no liver in it"),
        (PluginCrashed("SIGSEGV"), Outcome.FAILED, "zoo failed: PluginCrashed: SIGSEGV"),
        (KeyError("x"), Outcome.FAILED, "zoo failed: unexpected KeyError; see the log at this time"),
    ],
)
def test_a_task_without_results_ends_with_its_reason(
    world: World, error: Exception, outcome: Outcome, reason: str
) -> None:
    queued(world)
    world.workers.answer = error
    world.pipeline.execute(TASK.task_id, 1)
    assert world.series() == (outcome, reason)
    assert world.submitted.calls == []


def test_a_task_of_a_plugin_that_is_gone_fails(world: World) -> None:
    queued(world, replace(TASK, version="0"))
    world.pipeline.execute(TASK.task_id, 1)
    assert world.series() == (
        Outcome.FAILED,
        "zoo failed: BrokenPlugin: the task was made for zoo 0, but version 1 is enabled here",
    )


def test_a_retried_task_delivers_what_was_made_without_running_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _executed(world, monkeypatch, result("7.1", "SR"))
    world.workers.answer = PluginCrashed("must not run")
    assert retry(world.database, world.parts.submitter, TASK.task_id, at(9)) == 2
    world.pipeline.execute(TASK.task_id, 2)
    assert world.series()[0] == Outcome.DONE
    assert [call[1] for call in world.submitted.calls] == [
        f"deliver-{TASK.task_id}-1-pacs/0-1",
        f"execute-{TASK.task_id}-2",
        f"deliver-{TASK.task_id}-2-pacs/0-1",
    ]


def test_results_go_by_what_they_say_and_there_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = (
        RouteSettings(says=("positive",), deliver_to=("urgent",)),
        RouteSettings(says=("negative",), deliver_to=("pacs",)),
    )
    urgent = PeerSettings(name="urgent", aet="URGENT", receives=("SR",))
    settings = world.parts.settings.model_copy(update={"peers": (*world.parts.settings.peers, urgent), "routes": rules})
    pipeline = Pipeline(replace(world.parts, settings=settings))
    queued(world)
    world.workers.answer = (result("7.1", "SR"),)
    monkeypatch.setattr("dicomnode.pipeline.run", lambda *_: [replace(DECISION, tier="positive")])
    pipeline.execute(TASK.task_id, 1)
    assert world.series()[1] == "zoo done: 1 SR for urgent"
    retry(world.database, world.parts.submitter, TASK.task_id, at(9))
    pipeline.execute(TASK.task_id, 2)
    assert world.series()[1] == "zoo done: 1 SR for urgent"


DECISION = Decision(model="m", tier="negative", scores={"p": 0.1})


def _decided(
    world: World, monkeypatch: pytest.MonkeyPatch, *said: Decision, attempt: int = 1
) -> list[tuple[str, bool]]:
    """Run the task; the ledger then, as model and whether it was withheld."""
    world.workers.answer = (result("7.1", "SR"),)
    monkeypatch.setattr("dicomnode.pipeline.run", lambda *_: list(said))
    world.pipeline.execute(TASK.task_id, attempt)
    with world.database.read() as session:
        return [(entry.by.model, entry.withheld) for entry in ledger.newest(session)]


def test_decisions_are_in_the_ledger_once_with_the_results(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(world)
    assert _decided(world, monkeypatch, DECISION) == [("m", False)]
    retry(world.database, world.parts.submitter, TASK.task_id, at(9))
    assert _decided(world, monkeypatch, replace(DECISION, model="other"), attempt=2) == [("m", False)]
    assert world.series()[0] == Outcome.DONE


@pytest.mark.parametrize(
    ("model", "ledgered", "why"),
    [("", [], "plugin zoo by Dr. A: a recall"), ("m", [("m", True)], "model m by Dr. A: a recall")],
)
def test_what_is_frozen_ends_in_a_stated_outcome_until_it_is_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch, model: str, ledgered: list[tuple[str, bool]], why: str
) -> None:
    queued(world)
    with world.database.write() as session:
        assert alarms.freeze(session, Freeze(plugin="zoo", model=model, by="Dr. A", reason="a recall"), at(1))
    assert _decided(world, monkeypatch, DECISION) == ledgered
    assert world.series() == (Outcome.REFUSED, f"zoo cancelled: frozen: {why}")
    assert world.submitted.calls == []
    with world.database.write() as session:
        assert alarms.unfreeze(session, "zoo", model, "Dr. A", at(2))
    retry(world.database, world.parts.submitter, TASK.task_id, at(9))
    assert _decided(world, monkeypatch, DECISION, attempt=2) == [("m", False)]
    assert world.series()[0] == Outcome.DONE


def test_a_frozen_shadow_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(world)
    with world.database.write() as session:
        alarms.freeze(session, Freeze(plugin="zoo", model="new", by="Dr. A", reason="a recall"), at(1))
    said = (DECISION, replace(DECISION, model="new", shadow=True))
    assert _decided(world, monkeypatch, *said) == [("new", False), ("m", False)]
    assert world.series()[0] == Outcome.DONE


def test_reconcile_leaves_living_work_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    queued(world)
    world.submitted.living = {f"execute-{TASK.task_id}-1"}
    world.pipeline.reconcile()
    assert world.series()[0] == Outcome.PENDING


def test_reconcile_ends_what_the_engine_has_given_up(world: World) -> None:
    exam_id = arrived(world)
    with world.database.write() as session:
        assert exams.claim(session, exams.open_exams(session)[0])
    world.pipeline.reconcile()
    assert world.series() == (
        Outcome.FAILED,
        "not assessed: the node stopped or failed repeatedly while this ran",
    )
    with world.database.write() as session:
        tasks.plan(session, exam_id, [TASK], at(1))
    world.pipeline.reconcile()
    with world.database.read() as session:
        assert [task["state"] for task in views.tasks(session, STUDY)] == [TaskState.FAILED]


def test_a_database_that_goes_away_is_no_failure_of_the_task(world: World) -> None:
    queued(world)
    world.workers.answer = OperationalError("SELECT 1", None, ConnectionError("the server restarts"))
    with pytest.raises(OperationalError):
        world.pipeline.execute(TASK.task_id, 1)
    with world.database.read() as session:
        assert [task["state"] for task in views.tasks(session, STUDY)] == [TaskState.RUNNING]


def test_a_task_whose_model_may_not_speak_ends_with_the_reason_and_runs_nothing(world: World) -> None:
    queued(world)
    refused = Filled(refused=("slot main: npc/1 (card.toml): it expired on 2026-01-01",))
    world.parts = replace(world.parts, plugins={"zoo": replace(world.parts.plugins["zoo"], filled=refused)})
    Pipeline(world.parts).execute(TASK.task_id, 1)
    reason = "zoo failed: ModelRefused: slot main: npc/1 (card.toml): it expired on 2026-01-01"
    assert world.series() == (Outcome.FAILED, reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PluginCrashed("killed by SIGKILL"), "the analysis failed (PluginCrashed)"),
        (PluginTimedOut("it ran longer than 60 s"), "the analysis failed (PluginTimedOut)"),
        (Unsuitable("no model fills the slot"), "no model fills the slot"),
        (RuntimeError("a fault of ours"), "the analysis failed unexpectedly"),
    ],
)
def test_a_plugin_that_cannot_advise_ends_in_the_ordered_protocol(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    board = Board(world.parts.settings.advice, world.database, ["zoo"], lambda: world.clock[0])
    world.parts = replace(world.parts, advice=board)

    def fails(*_: object) -> None:
        raise error

    queued(world)
    monkeypatch.setattr("dicomnode.pipeline.run", fails)
    with world.database.write() as session:
        session.execute(text("UPDATE exam SET state = 'open'"))
    board.watch()
    world.pipeline.execute(TASK.task_id, 1)
    (said,) = board.shown()
    assert (said.kind, said.reason) == (AdviceKind.STANDARD_PROTOCOL, reason)


@pytest.mark.parametrize(
    ("required", "outcome", "reason"),
    [
        (False, Outcome.DONE, "zoo done: 1 SR for pacs; mask: not used: its segments overlap"),
        (True, Outcome.NOT_APPLICABLE, "zoo not applicable: mask cannot be used: its segments overlap"),
    ],
)
def test_a_segmentation_that_cannot_be_used_once_it_is_read(
    world: World, monkeypatch: pytest.MonkeyPatch, required: bool, outcome: Outcome, reason: str
) -> None:
    zoo = spec("mean")
    role = replace(zoo.inputs[0], role="mask", match=(), required=required, segments_of=zoo.inputs[0].role)
    asks = Enabled(spec=replace(zoo, version="1", inputs=(*zoo.inputs, role)), parameters={})
    monkeypatch.setitem(world.parts.plugins, "zoo", asks)  # type: ignore[arg-type]
    world.workers.left_out = {"mask": "its segments overlap"}
    _executed(world, monkeypatch, result("7.1", "SR"))
    assert world.series() == (outcome, reason)
