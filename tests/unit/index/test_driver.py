"""Statements that go straight to the driver do what they do by way of SQLAlchemy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import bindparam, insert, select, text

from dicomnode.index.database import Database
from dicomnode.index.driver import Driver, through
from dicomnode.index.schema import EventRow

INSERT = insert(EventRow.__table__)  # type: ignore[arg-type]
COUNT = select(EventRow.subject).where(EventRow.text == bindparam("said"), EventRow.subject == "exam")
AT = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
ROW = {"at": AT, "study_instance_uid": "1.2", "subject": "exam", "text": "a\0b"}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Database]:
    database = Database("", tmp_path)
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def driver(opened: Database) -> Iterator[Driver]:
    driver = Driver(opened.engine, "NORMAL")
    yield driver
    driver.close()


def rows(database: Database) -> list[tuple[object, ...]]:
    with database.read() as session:
        found = session.execute(text("SELECT at, study_instance_uid, subject, text FROM event"))
        return [tuple(row) for row in found]


def test_values_are_written_as_sqlalchemy_writes_them(opened: Database, driver: Driver) -> None:
    with driver.transaction() as execute:
        assert execute(INSERT, ROW) is None
    with opened.write() as session:
        assert through(session.connection())(INSERT, ROW) is None
    first, second = rows(opened)
    assert first == second == ("2026-03-01 12:00:00.000005", "1.2", "exam", r"a\x00b")


def test_the_first_value_of_the_first_row_is_given_back(opened: Database, driver: Driver) -> None:
    with driver.transaction() as execute:
        execute(INSERT, ROW)
        assert (execute(COUNT, {"said": "a\0b"}), execute(COUNT, {"said": "other"})) == ("exam", None)
    with opened.read() as session:
        execute = through(session.connection())
        assert (execute(COUNT, {"said": "a\0b"}), execute(COUNT, {"said": "other"})) == ("exam", None)


def test_what_fails_is_rolled_back_and_the_next_transaction_works(opened: Database, driver: Driver) -> None:
    def fail() -> None:
        with driver.transaction() as execute:
            execute(INSERT, ROW)
            execute(INSERT, {**ROW, "subject": None})

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    assert rows(opened) == []
    with driver.transaction() as execute:
        execute(INSERT, ROW)
    assert len(rows(opened)) == 1


@pytest.mark.parametrize(("synchronous", "level"), [("NORMAL", 1), ("FULL", 2)])
def test_commits_wait_for_what_is_asked(opened: Database, synchronous: str, level: int) -> None:
    driver = Driver(opened.engine, synchronous)
    with driver.transaction() as execute:
        assert execute(text("PRAGMA synchronous"), {}) == level
    driver.close()
    with opened.read() as session:
        assert session.scalar(text("PRAGMA synchronous")) == 2
