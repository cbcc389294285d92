"""The stability clock submits what is complete, plans the express lane before, and says what it waits for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dicomnode import stability
from dicomnode.advice import Board
from dicomnode.catalog.plugins import Enabled
from dicomnode.domain.identity import AETitle, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import InstanceHeader
from dicomnode.index import views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.pipeline import Parts, Pipeline
from dicomnode.prefetch import Prefetch, PriorMeans
from dicomnode.sdk.spec import Resources
from dicomnode.settings import NodeSettings, Settings
from dicomnode.stability import StabilityClock
from dicomnode.store.filesystem import FileStore
from tests.slices import plugin, stored, volume
from tests.values import NOON, STUDY, at

SENDER = AETitle("SENDER")


@dataclass
class World:
    database: Database
    parts: Parts
    calls: list[tuple[str, str]] = field(default_factory=list)
    submitted: list[object] = field(default_factory=list)
    """The first argument of each."""
    now: datetime = NOON

    def submit(self, _session: object, workflow: str, workflow_id: str, *arguments: Any, **_: Any) -> None:
        self.submitted.append(arguments[0])
        self.calls.append((workflow, workflow_id.partition("-")[0]))

    def clock(self) -> StabilityClock:
        parts = replace(self.parts, submitter=self, now=lambda: self.now)  # type: ignore[arg-type]
        return StabilityClock(parts, Pipeline(parts))

    def arrive(self, headers: Sequence[InstanceHeader], second: float) -> None:
        for one in stored(headers):
            Intake(self.database).record(one, at(second))

    def release(self, *headers: Sequence[InstanceHeader], second: float) -> None:
        uids = frozenset(SeriesInstanceUID(some[0].series_instance_uid) for some in headers)
        Intake(self.database).released(SENDER, uids, at(second))

    def look(self, clock: StabilityClock, second: float) -> list[tuple[str, str]]:
        """What is submitted at that moment."""
        self.now, self.calls = at(second), []
        clock.look()
        return self.calls

    def said(self) -> tuple[str, str]:
        with self.database.read() as session:
            exam = views.exams(session, STUDY)[-1]
        return exam["state"], exam["completeness"]

    def tasks(self) -> list[str]:
        with self.database.read() as session:
            return sorted(task["state"] for task in views.tasks(session, STUDY))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    database = Database("", tmp_path)
    database.upgrade()
    spec = plugin(resources=Resources(lane="express"))
    settings = Settings(node=NodeSettings(data=tmp_path))
    means = PriorMeans(
        settings=settings,
        database=database,
        submitter=None,  # type: ignore[arg-type]
        archive=None,  # type: ignore[arg-type]
        plugins=(),
        now=lambda: at(0),
    )
    parts = Parts(
        settings=settings,
        database=database,
        store=FileStore(tmp_path / "store"),
        submitter=None,  # type: ignore[arg-type]
        plugins={spec.name: Enabled(spec=spec, parameters={})},
        node_workers=None,  # type: ignore[arg-type]
        plugin_workers=None,  # type: ignore[arg-type]
        delivery=None,  # type: ignore[arg-type]
        prefetch=Prefetch(means),
        advice=Board(settings.advice, database, (), lambda: at(0)),
        now=lambda: at(0),
    )
    yield World(database=database, parts=parts)
    database.close()


IN = volume("2.1", series="2.1.1", SeriesNumber=1)
OUT = volume("2.2", series="2.2.1", SeriesNumber=2, EchoTime=2.3)


def test_an_exam_is_submitted_once_and_says_why(world: World) -> None:
    world.arrive(IN, 0)
    clock = world.clock()
    assert world.look(clock, 59.9) == []
    assert world.said() == ("open", "waits: sender has not released, nothing new for 60 s")
    assert world.look(clock, 60) == [("assess", "assess")]
    assert world.look(clock, 61) == []
    assert world.said() == ("assessing", "complete: sender has not released, nothing new for 60 s (timed)")


def test_a_clock_that_starts_anew_goes_on_where_the_other_was(world: World) -> None:
    world.arrive(IN, 0)
    assert world.look(world.clock(), 59.9) == []
    assert world.look(world.clock(), 60) == [("assess", "assess")]


def test_what_arrives_meanwhile_keeps_the_exam_open(world: World) -> None:
    world.arrive(IN[:3], 0)
    clock = world.clock()
    assert world.look(clock, 50) == []
    world.arrive(IN[3:], 55)
    assert world.look(clock, 60) == []
    assert world.look(clock, 115) == [("assess", "assess")]


def test_a_slice_that_is_missing_is_waited_for_and_then_named(world: World) -> None:
    gap = [one for n, one in enumerate(IN) if n != 2]
    world.arrive(gap, 0)
    world.release(gap, second=1)
    clock = world.clock()
    assert world.look(clock, 60.9) == []
    assert world.look(clock, 61) == [("assess", "assess")]
    assert world.said()[1].startswith("incomplete: series 1: slice missing: 1 not there")


def test_the_express_lane_runs_at_the_release_while_the_exam_stays_open(world: World) -> None:
    clock = world.clock()
    world.arrive(IN, 0)
    world.release(IN, second=0.5)
    assert world.look(clock, 0.6) == [], "one of two inputs"
    world.arrive(OUT, 1)
    assert world.look(clock, 1.5) == [], "not released"
    world.release(OUT, second=2)
    assert world.look(clock, 2.1) == [("express", "execute")]
    assert world.look(clock, 2.2) == [], "nothing has changed"
    assert world.said()[0] == "open"
    assert world.look(clock, 17) == [("assess", "assess")]


def test_a_plugin_that_advises_is_begun_without_its_queue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(
        plugin(resources=Resources(lane="express")), advises=True, produces=("Measurement", "Recommendation")
    )
    world.parts = replace(world.parts, plugins={asked.name: Enabled(spec=asked, parameters={})})
    begun: list[tuple[str | int, ...]] = []
    monkeypatch.setattr("dicomnode.engine.direct.Direct.begin", lambda _, *arguments: begun.append(arguments))
    world.arrive([*IN, *OUT], 0)
    world.release(IN, OUT, second=1)
    assert world.look(world.clock(), 1) == [("express", "execute")]
    assert [attempt for _, attempt in begun] == [1]


def test_what_was_just_released_is_judged_before_what_still_comes(world: World) -> None:
    late = [replace(one, study_instance_uid=StudyInstanceUID("9.1")) for one in volume("9.1", series="9.1.1")]
    world.arrive(IN, 0)
    world.arrive(late, 0)
    uids = frozenset({SeriesInstanceUID("9.1.1")})
    Intake(world.database).released(SENDER, uids, at(50))
    clock = world.clock()
    world.look(clock, 65)
    assert world.submitted == [2, 1]


def test_an_exam_is_judged_anew_when_somebody_has_told_something_but_not_at_anothers_release(world: World) -> None:
    clock = world.clock()
    world.arrive(IN, 0)
    world.look(clock, 1)
    judged: list[int] = []
    keep = clock._judge
    clock._judge = lambda *given: (judged.append(given[0].exam_id), keep(*given))[1]  # type: ignore[method-assign]
    clock.wake.set()
    world.look(clock, 2)
    assert (judged, clock.wake.is_set()) == ([], False)
    clock.tell()
    world.look(clock, 2.2)
    world.look(clock, 2.4)
    assert judged == [1]


def test_the_assessment_of_the_whole_exam_keeps_what_the_express_lane_runs(world: World) -> None:
    clock = world.clock()
    world.arrive([*IN, *OUT], 0)
    world.release(IN, OUT, second=1)
    assert world.look(clock, 1) == [("express", "execute")]
    assert world.look(clock, 16) == [("assess", "assess")]
    world.calls = []
    parts = replace(world.parts, submitter=world)  # type: ignore[arg-type]
    Pipeline(parts).assess(1)
    assert world.calls == []
    assert world.tasks() == ["queued"]


def test_a_series_that_grows_after_the_express_lane_took_it_is_taken_again(world: World) -> None:
    clock = world.clock()
    world.arrive([*IN[:-1], *OUT[:-1]], 0)
    world.release(IN, OUT, second=1)
    assert world.look(clock, 1) == [("express", "execute")]
    world.arrive([IN[-1], OUT[-1]], 2)
    assert world.look(clock, 2.5) == []
    world.release(IN, OUT, second=3)
    assert world.look(clock, 3) == [("express", "execute")]
    assert world.tasks() == ["queued", "superseded"]


def test_a_plugin_of_the_normal_lane_waits_for_the_exam(world: World) -> None:
    normal = plugin()
    world.parts = replace(world.parts, plugins={normal.name: Enabled(spec=normal, parameters={})})
    world.arrive([*IN, *OUT], 0)
    world.release(IN, OUT, second=1)
    assert world.look(world.clock(), 2) == []


def test_a_series_that_cannot_be_examined_is_judged_by_silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stability, "examine", broken)
    world.arrive(IN, 0)
    clock = world.clock()
    with pytest.raises(ZeroDivisionError):  # the duty's border writes it down
        world.look(clock, 60)
    assert world.look(clock, 60) == [("assess", "assess")]
