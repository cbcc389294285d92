"""Each workflow reads where things stand, and ends in a stated outcome whatever happens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from dicomnode.catalog.plugins import Enabled
from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import Outcome, PlannedTask
from dicomnode.domain.task import ResultObject, TaskState
from dicomnode.errors import PluginCrashed, Unreachable, Unsuitable
from dicomnode.index import exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.pipeline import Parts, Pipeline, retry
from dicomnode.settings import CompletenessSettings, NodeSettings, PeerSettings, PluginSettings, Settings
from dicomnode.store.filesystem import FileStore
from tests.plugin_zoo import SPEC, spec
from tests.values import STUDY, assessment, at, instance, planned, result, stack


@dataclass
class Submitted:
    """A submitter that remembers, and says who is alive."""

    calls: list[tuple[str, str, tuple[str | int, ...], float]] = field(default_factory=list)
    living: set[str] = field(default_factory=set)

    def submit(
        self, session: object, workflow: str, workflow_id: str, *arguments: str | int, delay_s: float = 0.0
    ) -> None:
        self.calls.append((workflow, workflow_id, arguments, delay_s))

    def alive(self) -> set[str]:
        return self.living


@dataclass
class Workers:
    """Workers that return results, or raise."""

    answer: Any = ()
    threads: int = 1

    def run(self, *_arguments: object, **_limits: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass(frozen=True)
class Reply:
    status: int | None
    text: str = "said so"


@dataclass
class World:
    database: Database
    parts: Parts
    submitted: Submitted
    workers: Workers
    replies: list[Reply | Exception]
    clock: list[datetime]

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(self.parts)

    def series(self) -> tuple[str, str]:
        with self.database.read() as session:
            (series,) = views.series(session, STUDY)
        return series["outcome"], series["reason"]

    def deliveries(self) -> list[tuple[str, str, int]]:
        with self.database.read() as session:
            return [(o["state"], o["reason"], o["attempts"]) for o in views.objects(session, STUDY)]


PACS = PeerSettings(name="pacs", aet="PACS", receives=("SR",))
TASK = replace(planned("a", stack("1.1", "1.2")), plugin="zoo", version="1")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database("", tmp_path)
    database.upgrade()
    submitted, workers, replies, clock = Submitted(), Workers(), [], [at(0)]

    def send(_peer: PeerSettings, files: Sequence[Path]) -> Iterator[Reply]:
        assert all(path.exists() for path in files)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
            yield reply

    parts = Parts(
        settings=Settings(
            node=NodeSettings(data=tmp_path),
            completeness=CompletenessSettings(exam_quiet=15),
            peers=(PACS,),
            plugins={"zoo": PluginSettings()},
        ),
        database=database,
        store=FileStore(tmp_path / "store"),
        submitter=submitted,  # type: ignore[arg-type]
        plugins={"zoo": Enabled(spec=SPEC, parameters={})},
        node_workers=workers,  # type: ignore[arg-type]
        plugin_workers=workers,  # type: ignore[arg-type]
        send=send,
        now=lambda: clock[0],
    )
    yield World(database=database, parts=parts, submitted=submitted, workers=workers, replies=replies, clock=clock)
    database.close()


def _arrived(world: World) -> int:
    for uid in ("1.1", "1.2"):
        key, size = world.parts.store.put([b"x"])
        entry = instance(uid)
        stored = replace(entry.stored, key=key, size=size)
        Intake(world.database).record(replace(entry, stored=stored), at(0))
    with world.database.read() as session:
        return exams.open_exams(session)[0].exam_id


def _queued(world: World, task: PlannedTask = TASK) -> None:
    exam_id = _arrived(world)
    with world.database.write() as session:
        exams.write_assessment(session, exam_id, assessment(task), at(1))
        tasks.plan(session, exam_id, [task], at(1))


def _delivering(world: World, monkeypatch: pytest.MonkeyPatch, *results: ResultObject) -> None:
    _queued(world)
    world.workers.answer = results
    monkeypatch.setattr("dicomnode.pipeline.run", lambda *_: [])
    world.pipeline.execute(TASK.task_id, 1)


@pytest.mark.parametrize(("lane", "workflow"), [("express", "express"), ("normal", "execute")])
def test_a_task_is_submitted_to_the_queue_of_its_lane(world: World, lane: str, workflow: str) -> None:
    exam_id = _arrived(world)
    zoo = Enabled(spec=spec("mean", lane=lane), parameters={})
    with world.database.write() as session:
        pipeline = Pipeline(replace(world.parts, plugins={"zoo": zoo}))
        pipeline.plan(session, exam_id, [TASK], whole=True)
        pipeline.plan(session, exam_id, [TASK], whole=True)
    assert world.submitted.calls == [(workflow, f"execute-{TASK.task_id}-1", (TASK.task_id, 1), 0.0)]


def test_an_assessment_gives_every_series_a_reason_and_runs_once(world: World) -> None:
    exam_id = _arrived(world)
    world.pipeline.assess(exam_id)
    outcome, reason = world.series()
    assert (outcome, bool(reason)) == (Outcome.REFUSED, True)
    with world.database.read() as session:
        events = views.events(session, STUDY)
    world.pipeline.assess(exam_id)
    with world.database.read() as session:
        assert views.events(session, STUDY) == events


def test_results_are_stored_committed_and_submitted_for_delivery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _delivering(world, monkeypatch, result("7.1", "SR"), result("7.2", "SEG"))
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
    _queued(world)
    world.workers.answer = error
    world.pipeline.execute(TASK.task_id, 1)
    assert world.series() == (outcome, reason)
    assert world.submitted.calls == []


def test_a_task_of_a_plugin_that_is_gone_fails(world: World) -> None:
    _queued(world, replace(TASK, version="0"))
    world.pipeline.execute(TASK.task_id, 1)
    assert world.series() == (
        Outcome.FAILED,
        "zoo failed: BrokenPlugin: the task was made for zoo 0, but version 1 is enabled here",
    )


def test_a_retried_task_delivers_what_was_made_without_running_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _delivering(world, monkeypatch, result("7.1", "SR"))
    world.workers.answer = PluginCrashed("must not run")
    assert retry(world.database, world.parts.submitter, TASK.task_id, at(9)) == 2
    world.pipeline.execute(TASK.task_id, 2)
    assert world.series()[0] == Outcome.DONE
    assert [call[1] for call in world.submitted.calls] == [
        f"deliver-{TASK.task_id}-1-pacs/0-1",
        f"execute-{TASK.task_id}-2",
        f"deliver-{TASK.task_id}-2-pacs/0-1",
    ]


def test_what_must_wait_is_submitted_again_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _delivering(world, monkeypatch, result("7.1", "SR"), result("7.2", "SR"))
    world.replies[:] = [Reply(0), Unreachable("connection lost")]
    world.pipeline.deliver(TASK.task_id, 1, "pacs", "0", 1)
    states = [("delivered", "", 1), ("waiting", "connection lost", 1)]
    assert world.deliveries() == states
    assert world.submitted.calls[-1][1:] == (
        f"deliver-{TASK.task_id}-1-pacs/0-2",
        (TASK.task_id, 1, "pacs", "0", 2),
        world.parts.settings.delivery.first_retry,
    )
    world.replies[:] = [Reply(0)]
    world.pipeline.deliver(TASK.task_id, 1, "pacs", "0", 2)
    assert [state for state, _, _ in world.deliveries()] == ["delivered", "delivered"]
    assert len(world.submitted.calls) == 2


def test_a_peer_that_is_no_longer_configured_parks_its_objects(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _delivering(world, monkeypatch, result("7.1", "SR"))
    settings = world.parts.settings.model_copy(update={"peers": ()})
    Pipeline(replace(world.parts, settings=settings)).deliver(TASK.task_id, 1, "pacs", "0", 1)
    assert world.deliveries() == [(DeliveryState.PARKED, "the peer is no longer configured", 1)]


def test_reconcile_leaves_living_work_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _queued(world)
    world.submitted.living = {f"execute-{TASK.task_id}-1"}
    world.pipeline.reconcile()
    assert world.series()[0] == Outcome.PENDING


def test_reconcile_ends_what_the_engine_has_given_up(world: World) -> None:
    exam_id = _arrived(world)
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


def test_reconcile_starts_a_lost_delivery_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _delivering(world, monkeypatch, result("7.1", "SR"))
    world.pipeline.reconcile()
    workflow, workflow_id, arguments, delay = world.submitted.calls[-1]
    assert (workflow, arguments[:3], arguments[4], delay) == ("deliver", (TASK.task_id, 1, "pacs"), 1, 0.0)
    assert workflow_id not in {call[1] for call in world.submitted.calls[:-1]}


def test_a_database_that_goes_away_is_no_failure_of_the_task(world: World) -> None:
    _queued(world)
    world.workers.answer = OperationalError("SELECT 1", None, ConnectionError("the server restarts"))
    with pytest.raises(OperationalError):
        world.pipeline.execute(TASK.task_id, 1)
    with world.database.read() as session:
        assert [task["state"] for task in views.tasks(session, STUDY)] == [TaskState.RUNNING]


def test_a_lost_delivery_is_seen_beside_one_to_a_peer_whose_name_begins_alike(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = world.parts.settings.model_copy(
        update={"peers": (PACS, PeerSettings(name="pacs-2", aet="PACS2", receives=("SR",)))}
    )
    world.parts = replace(world.parts, settings=settings)
    _delivering(world, monkeypatch, result("7.1", "SR"))
    both = {call[1] for call in world.submitted.calls}
    lost = {workflow_id for workflow_id in both if "pacs-2" not in workflow_id}
    assert (len(both), len(lost)) == (2, 1)
    world.submitted.living, world.submitted.calls = both - lost, []
    world.pipeline.reconcile()
    assert [arguments[2] for _, _, arguments, _ in world.submitted.calls] == ["pacs"]
