"""Instances that arrive together are committed together, and none suffers for another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt
from dicomnode.index import arrival
from dicomnode.index.database import Database
from dicomnode.index.driver import Driver, Execute
from dicomnode.index.intake import Intake
from tests.values import at, instance


def test_many_at_once_are_each_recorded_once(database: Database) -> None:
    intake = Intake(database)
    intake.record(instance("1.0"), at(0))
    everything = [instance(f"1.{n}") for n in range(1, 60)] + [instance(f"1.{n}") for n in range(1, 60, 5)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda one: intake.record(one, at(1)), everything))
    assert answers.count(Recorded.STORED) == 59
    assert answers.count(Recorded.DUPLICATE) == 12
    assert len(intake.keys()) == 60


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
    turns, transactions, short = intake._turns, list[int](), arrival.one_more
    assert turns is not None
    commit = turns._commit
    monkeypatch.setattr(turns, "_commit", lambda together: (transactions.append(len(together)), commit(together)))
    inside, go_on = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> bool:
        inside.set()
        assert go_on.wait(10)
        return short(*arguments)

    monkeypatch.setattr(arrival, "one_more", slow)
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
def test_what_fails_before_the_commit_goes_the_long_way(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    intake = Intake(sqlite)
    intake.record(instance("1.0"), at(0))

    def fail(*_: object) -> bool:
        raise error

    monkeypatch.setattr(arrival, "one_more", fail)
    assert intake.record(instance("1.1"), at(1)) is Recorded.STORED


def test_a_commit_in_doubt_is_never_tried_again(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # Were it there after all, a second attempt would find a duplicate of itself, and its file would be dropped.
    intake = Intake(sqlite)
    intake.record(instance("1.0"), at(0))
    transaction = Driver.transaction

    @contextmanager
    def doubtful(driver: Driver) -> Iterator[Execute]:
        with transaction(driver) as execute:
            yield execute
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(Driver, "transaction", doubtful)
    with pytest.raises(InDoubt):
        intake.record(instance("1.1"), at(1))
    assert intake.keys() == {"key-1.0-", "key-1.1-"}
