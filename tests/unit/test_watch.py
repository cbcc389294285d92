"""What the ledger holds is watched: a reference is frozen, drift raises one alarm, a person closes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from dicomnode.domain.decision import Freeze, LedgerEntry, Stream
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from dicomnode.index import alarms, ledger, references
from dicomnode.index.database import Database
from dicomnode.settings import MonitorSettings
from dicomnode.watch import Watch
from tests.unit.monitor.decisions import BY, entry
from tests.values import NOON, at, digest

SETTINGS = MonitorSettings(reference=100)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


def decided(first: int, count: int, shift: float = 0.0, **changes: bool) -> list[LedgerEntry]:
    """Decisions with three features."""
    random = np.random.default_rng(first)
    rows = random.standard_normal((count, 3)) + shift
    return [
        entry(first + n, features={f"f{k}": float(v) for k, v in enumerate(row)}, scores={}, **changes)
        for n, row in enumerate(rows)
    ]


def watch(database: Database, *entries: LedgerEntry, settings: MonitorSettings = SETTINGS) -> list[tuple[str, str]]:
    """Write decisions, look, and return the open alarms by kind and subject."""
    with database.write() as session:
        ledger.record(session, entries)
    Watch(settings=settings, database=database, now=lambda: at(0)).look()
    with database.read() as session:
        return [(row["kind"], row["subject"]) for row in alarms.listed(session)]


def test_drift_raises_one_alarm_and_after_somebody_has_looked_another(database: Database) -> None:
    assert watch(database, *decided(1, 99)) == []
    with database.read() as session:
        assert references.read(session, BY).content == {}
    assert watch(database, *decided(100, 101)) == []
    with database.read() as session:
        kept = references.read(session, BY)
    assert (kept.content["exams"], kept.last, kept.watched) == (100, 100, 200)
    (found,) = watch(database, *decided(300, 40, shift=2.0))
    assert found[0] == "image"
    assert watch(database, *decided(400, 40, shift=2.0)) == [found], "it is open already"
    with database.write() as session:
        (row,) = alarms.listed(session)
        alarms.acknowledge(session, row["id"], "Dr. A", "a new coil", at(1), ledger.last(session))
    assert watch(database) == []
    assert watch(database, *decided(500, 20)) == [], "it is watched anew from where somebody has looked"
    assert [kind for kind, _ in watch(database, *decided(600, 40, shift=2.0))] == ["image"]


def test_a_slow_change_is_noticed_however_often_one_looks(database: Database) -> None:
    watch(database, *decided(1, 120))
    found: Sequence[tuple[str, str]] = []
    for one in decided(300, 60, shift=1.5):
        found = found or watch(database, one)
    assert [kind for kind, _ in found] == ["image"]


def test_after_a_change_that_does_no_harm_a_new_reference_is_made(database: Database) -> None:
    watch(database, *decided(1, 120))
    with database.write() as session:
        references.write(session, BY, {}, ledger.last(session), at(1))
    assert watch(database, *decided(200, 140, shift=5.0)) == []
    with database.read() as session:
        assert references.read(session, BY).last == 220


def test_a_candidate_in_the_shadow_is_not_watched(database: Database) -> None:
    assert watch(database, *decided(1, 120, shadow=True), *decided(300, 60, shift=9, shadow=True)) == []
    with database.read() as session:
        assert references.read(session, BY).content == {}


def test_a_candidate_that_is_taken_into_use_is_watched_from_then_on(database: Database) -> None:
    watch(database, *decided(1, 120, shadow=True))
    assert [kind for kind, _ in watch(database, *decided(200, 100), *decided(400, 40, shift=2.0))] == ["image"]
    with database.read() as session:
        assert references.read(session, BY).last == 220


def test_a_site_may_have_an_alarm_freeze_the_model(database: Database) -> None:
    settings = SETTINGS.model_copy(update={"freeze_on": ("image",)})
    watch(database, *decided(1, 100), *decided(300, 40, shift=2.0), settings=settings)
    with database.read() as session:
        (row,) = alarms.listed(session)
        freezes = alarms.freezes(session)
    assert freezes == [Freeze(plugin="triage", model="darndest", by="image alarm", reason=row["text"])]


@pytest.mark.parametrize(("found", "alarmed"), [(30, True), (34, False)])
def test_outcomes_that_show_too_low_a_sensitivity_raise_an_alarm(database: Database, found: int, alarmed: bool) -> None:
    entries = [entry(n, positive=n < found) for n in range(40)]
    with database.write() as session:
        ledger.record(session, entries)
        truth = dict.fromkeys((one.study_instance_uid for one in entries), True)
        ledger.write_outcomes(session, "triage", truth, "a.csv", at(1))
        judge = Watch(settings=SETTINGS, database=database, now=lambda: at(1)).judge
        judge(session, "fusion")
        judge(session, "triage")
        judge(session, "triage")
        rows = alarms.listed(session)
    texts = ["30 of 40 were found: sensitivity 0.750 (0.598-0.858), at least 0.900 is required"]
    assert [row["text"] for row in rows] == (texts if alarmed else [])


def test_a_stream_that_stops_raises_one_alarm(database: Database) -> None:
    stream = Stream(sender=AETitle("MR1"), scanner="Siemens Vida", protocol="t1_tse")
    other = replace(stream, sender=AETitle("MR2"))
    clock = [NOON]
    watching = Watch(settings=SETTINGS, database=database, now=lambda: clock[0])
    with database.write() as session:
        for day in range(30):
            study = StudyInstanceUID(f"1.2.{day}")
            moment = NOON + timedelta(days=day)
            references.note(session, study, {stream} if day < 27 else {other}, moment)
            references.note(session, study, {stream} if day < 27 else {other}, moment + timedelta(hours=9))
        assert len(references.arrivals(session, NOON)[stream]) == 27, "a study counts once"
    for days, expected in ((27.4, 0), (27.6, 1), (28, 1)):
        clock[0] = NOON + timedelta(days=days)
        watching.listen()
        with database.read() as session:
            rows = alarms.listed(session)
        assert [row["subject"] for row in rows] == ["t1_tse of Siemens Vida from MR1"] * expected
    assert rows[0]["text"].startswith(
        "nothing came for 38 hours, since 2026-03-27 12:00 UTC; until then never for more"
    )
    clock[0] = NOON + timedelta(days=200)
    watching.listen()
    with database.write() as session:
        assert references.arrivals(session, NOON) == {}, "what was silent for months is forgotten"


def test_a_model_with_other_weights_has_a_reference_of_its_own(database: Database) -> None:
    new = replace(BY, digest=digest("other weights"))
    watch(database, *decided(1, 120))
    changed = [replace(one, by=new) for one in decided(300, 99, shift=9.0)]
    assert watch(database, *changed) == []
    with database.read() as session:
        assert references.read(session, new).content == {}
        assert len(ledger.models(session)) == 2
