"""Instances that arrive together are committed together, and none suffers for another."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OtherPatient, OutOfResources
from dicomnode.index import arrival, release, succession
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.schema import ExamRow
from dicomnode.index.turns import Turns, _Waiting
from tests.disk import failing
from tests.values import SERIES, at, instance, store_key


def test_many_at_once_are_each_recorded_once(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.0"), at(0))
    everything = [instance(f"1.{n}") for n in range(1, 60)] + [instance(f"1.{n}") for n in range(1, 60, 5)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one: intake.record(one, at(1)), everything))
    assert answers.count(Recorded.STORED) == 59
    assert answers.count(Recorded.DUPLICATE) == 12
    assert len(intake.keys("00000001")) == 60


def test_a_conflict_is_its_own_senders_only(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.0"), at(0))

    def record(one: Instance) -> Recorded | None:
        try:
            return intake.record(one, at(1))
        except DuplicateInstance:
            return None

    both = [instance(f"1.{n}") if n % 2 else instance("1.0", content="other") for n in range(1, 21)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(record, both))
    assert answers == [Recorded.STORED if n % 2 else None for n in range(1, 21)]


def test_who_waits_is_taken_along(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(sqlite)
    intake.record(instance("1.0"), at(0))
    turns, transactions, short = intake._turns, list[int](), succession.take
    assert turns is not None
    commit = turns._commit
    monkeypatch.setattr(turns, "_commit", lambda together: (transactions.append(len(together)), commit(together)))
    inside, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> bool:
        inside.set()
        assert go_on.wait(10)
        return short(*arguments)

    monkeypatch.setattr(succession, "take", slow)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(intake.record, instance("1.1"), at(1))
        assert inside.wait(10)
        rest = [pool.submit(intake.record, instance(f"1.{n}"), at(1)) for n in range(2, 6)]
        while len(turns._waiting) < 4:
            pass
        go_on.set()
        assert {future.result() for future in (first, *rest)} == {Recorded.STORED}
    assert transactions == [1, 4]


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk I/O error"), ValueError("text")])
def test_what_cannot_be_written_is_out_of_resources_and_the_next_is_taken(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    intake = Intake(sqlite)

    def fail(*_: object) -> bool:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(succession, "take", fail)
        with pytest.raises(OutOfResources) as refusal:
            intake.record(instance("1.1"), at(1))
        assert not isinstance(refusal.value, InDoubt)
    assert intake.record(instance("1.1"), at(1)) is Recorded.STORED


def together(*several: Instance) -> list[_Waiting]:
    return [
        _Waiting(partial(arrival.record, instance=one, arrived=at(n)), succession.row(one, at(n)))
        for n, one in enumerate(several, 1)
    ]


def outcomes(waited: list[_Waiting]) -> list[object]:
    assert all(one.written for one in waited)
    return [one.result if one.failure is None else type(one.failure) for one in waited]


def turns_of(intake: Intake) -> Turns:
    assert intake._turns is not None
    return intake._turns


@pytest.mark.parametrize("first", [None, "1.0"])
@pytest.mark.parametrize("poison", [{"key": store_key("1.1")}, {"size": 1 << 70}])
def test_none_suffers_for_another_in_the_same_transaction(
    sqlite: Database, first: str | None, poison: dict[str, Any]
) -> None:
    intake = Intake(sqlite)
    if first:
        intake.record(instance(first), at(0))
    poisoned = instance("1.2")
    poisoned = replace(poisoned, stored=replace(poisoned.stored, **poison))
    waited = together(instance("1.1"), poisoned, instance("1.3"))
    turns_of(intake)._commit(waited)
    assert outcomes(waited) == [Recorded.STORED, OutOfResources, Recorded.STORED]
    assert intake.keys("00000001") - {store_key("1.0")} == {store_key("1.1"), store_key("1.3")}
    assert intake.record(instance("1.4"), at(5)) is Recorded.STORED


def test_each_of_one_transaction_has_its_own_answer(sqlite: Database) -> None:
    intake = Intake(sqlite)
    intake.record(instance("1.0"), at(0))
    waited = together(
        instance("1.1"),
        instance("1.0"),
        instance("1.0", content="other"),
        instance("1.2", patient="P2"),
        instance("1.3", series="1.2.9"),
        instance("1.1"),
        instance("1.4"),
    )
    release_of = frozenset({SERIES})
    waited.append(_Waiting(partial(release.note, calling_aet=AETitle("SENDER"), series=release_of, at=at(9))))
    turns_of(intake)._commit(waited)
    assert outcomes(waited) == [
        Recorded.STORED,
        Recorded.DUPLICATE,
        DuplicateInstance,
        OtherPatient,
        Recorded.STORED,
        Recorded.DUPLICATE,
        Recorded.STORED,
        None,
    ]
    assert intake.keys("00000001") == {store_key(uid) for uid in ("1.0", "1.1", "1.3", "1.4")}
    with sqlite.read() as session:
        assert session.scalars(select(ExamRow.last_release)).all() == [at(9)]


@pytest.mark.parametrize("alone", [True, False])
def test_a_database_that_is_locked_is_asked_once_for_all(sqlite: Database, tmp_path: Path, *, alone: bool) -> None:
    intake, asked = Intake(sqlite), list[str]()
    intake.record(instance("1.0"), at(0))
    connection = turns_of(intake)._driver._connected()
    connection.execute("PRAGMA busy_timeout = 0")
    waited = together(*(instance(f"1.{n}") for n in range(1, 4)))
    if not alone:
        waited.append(_Waiting(partial(release.note, calling_aet=AETitle("SENDER"), series=frozenset(), at=at(9))))
    other = sqlite.engine.raw_connection()
    assert other.driver_connection is not None
    other.driver_connection.execute("BEGIN IMMEDIATE")
    connection.set_trace_callback(asked.append)
    turns_of(intake)._commit(waited)
    other.close()
    assert (outcomes(waited), len(asked)) == ([OutOfResources] * len(waited), 1)
    assert intake.record(instance("1.1"), at(1)) is Recorded.STORED


def test_a_disk_that_is_full_leaves_no_doubt(sqlite: Database) -> None:
    intake = Intake(sqlite)
    intake.record(instance("1.0"), at(0))
    connection = turns_of(intake)._driver._connected()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    long = instance("1.1", ImageComments="x" * 16000)
    with pytest.raises(OutOfResources) as refusal:
        intake.record(long, at(1))
    assert not isinstance(refusal.value, InDoubt)
    assert intake.keys("00000001") == {store_key("1.0")}
    assert intake.record(long, at(2)) is Recorded.STORED


@pytest.mark.parametrize("count", [1, 2])
def test_a_disk_that_fails_leaves_all_of_the_statement_in_doubt(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    intake = Intake(sqlite)
    intake.record(instance("1.0"), at(0))
    turns_of(intake)._driver.close()
    with failing(monkeypatch):
        waited = together(*(instance(f"1.{n}") for n in range(1, count + 1)))
        turns_of(intake)._commit(waited)
    assert outcomes(waited) == [InDoubt] * count
    assert len(intake.keys("00000001")) == 1 + count, "they were there after all"
    assert intake.record(instance("1.1"), at(5)) is Recorded.DUPLICATE, "on a new connection"


class Held:
    """A `_commit` that waits to be let go, call by call, and then does as it is told."""

    def __init__(self, turns: Turns, commit: Callable[[list[_Waiting]], None]) -> None:
        self.begun, self._go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.calls: list[int] = []
        self._turns, self._commit = turns, commit

    def __call__(self, waited: list[_Waiting]) -> None:
        self.calls.append(len(waited))
        self.begun.release()
        assert self._go_on.acquire(timeout=10)
        self._commit(waited)

    def go_on(self, waiting: int) -> None:
        """Let go when so many wait."""
        assert self.begun.acquire(timeout=10)
        while len(self._turns._waiting) < waiting:
            threading.Event().wait(0.001)
        self._go_on.release()


def test_each_leads_for_those_who_came_before_it_and_then_the_next_leads(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = Intake(sqlite)
    held = Held(turns_of(intake), turns_of(intake)._commit)
    monkeypatch.setattr(turns_of(intake), "_commit", held)
    with ThreadPoolExecutor(5) as pool:
        bring = partial(pool.submit, intake.record)
        first = [bring(instance("1.1"), at(0))]
        assert held.begun.acquire(timeout=10)
        held.begun.release()
        second = [bring(instance(f"2.{n}"), at(n)) for n in (1, 2)]
        held.go_on(waiting=2)
        assert first[0].result(10) is Recorded.STORED, "nobody works on for others when its own is written"
        assert held.begun.acquire(timeout=10)
        held.begun.release()
        third = [bring(instance(f"3.{n}"), at(n)) for n in (1, 2)]
        held.go_on(waiting=2)
        assert [future.result(10) for future in second] == [Recorded.STORED] * 2
        held.go_on(waiting=0)
        assert [future.result(10) for future in third] == [Recorded.STORED] * 2
    assert held.calls == [1, 2, 2]
    assert not turns_of(intake)._led


def test_what_nobody_foresaw_is_the_leaders_and_leaves_the_others_in_doubt(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = Intake(sqlite)

    def fail(_: list[_Waiting]) -> None:
        raise RuntimeError("not foreseen")

    held = Held(turns_of(intake), fail)
    with monkeypatch.context() as patched, ThreadPoolExecutor(4) as pool:
        patched.setattr(turns_of(intake), "_commit", held)
        first = pool.submit(intake.record, instance("1.0"), at(0))
        assert held.begun.acquire(timeout=10)
        held.begun.release()
        others = [pool.submit(intake.record, instance(f"1.{n}"), at(n)) for n in (1, 2, 3)]
        held.go_on(waiting=3)
        held.go_on(waiting=0)
        assert isinstance(first.exception(10), RuntimeError)
        kinds = sorted(type(future.exception(10)).__name__ for future in others)
    assert kinds == ["InDoubt", "InDoubt", "RuntimeError"]
    assert intake.record(instance("1.1"), at(1)) is Recorded.STORED


def test_each_transaction_waits_in_the_queue(sqlite: Database, tmp_path: Path) -> None:
    intake = Intake(sqlite, queue=tmp_path / "queue")
    turns = turns_of(intake)
    commit, seen = turns._commit, list[bool]()

    def is_locked() -> bool:
        with (tmp_path / "queue").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    turns._commit = lambda waited: (seen.append(is_locked()), commit(waited))[1]  # type: ignore[method-assign]
    assert not is_locked()
    assert intake.record(instance("1.1"), at(0)) is Recorded.STORED
    assert (seen, is_locked()) == ([True], False)
