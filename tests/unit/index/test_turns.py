"""Instances that arrive together are committed together, and none suffers for another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OutOfResources
from dicomnode.index import succession
from dicomnode.index.database import Database
from dicomnode.index.driver import Driver, Execute
from dicomnode.index.intake import Intake
from dicomnode.index.turns import _Waiting
from tests.values import at, instance, store_key


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


def test_none_suffers_for_another_in_the_same_transaction(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    intake, take = Intake(sqlite), succession.take
    turns = intake._turns
    assert turns is not None

    def poisoned(driver: Driver, execute: Execute, one: Instance, arrived: datetime) -> bool:
        taken = take(driver, execute, one, arrived)
        if one.header.sop_instance_uid == "1.2":
            raise sqlite3.IntegrityError("no such thing")
        return taken

    monkeypatch.setattr(succession, "take", poisoned)
    together = [_Waiting(instance=instance(f"1.{n}"), arrived=at(n)) for n in range(1, 4)]
    turns._commit(together)
    assert [type(one.outcome) for one in together] == [Recorded, OutOfResources, Recorded]
    assert intake.keys("00000001") == {store_key("1.1"), store_key("1.3")}


def test_a_database_that_is_locked_is_asked_once_for_all(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    turns, asked = Intake(sqlite)._turns, list[int]()
    assert turns is not None

    def locked(driver: Driver) -> AbstractContextManager[Execute]:
        asked.append(1)
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(Driver, "transaction", locked)
    together = [_Waiting(instance=instance(f"1.{n}"), arrived=at(n)) for n in range(1, 4)]
    turns._commit(together)
    assert ([type(one.outcome) for one in together], asked) == ([OutOfResources] * 3, [1])
