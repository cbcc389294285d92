"""Whichever way the statements go, they leave the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, OtherPatient
from dicomnode.index import arrival
from dicomnode.index.database import Database
from dicomnode.index.driver import Driver, Execute, through
from tests.values import at, instance

TABLES = ("patient", "study", "series", "instance", "exam")
STEPS: list[tuple[Instance, type[Recorded | Exception]]] = [
    (instance("1.1"), Recorded),
    (instance("1.2"), Recorded),
    (instance("1.2"), Recorded),
    (instance("1.2", content="other"), DuplicateInstance),
    (instance("1.3", patient="P2"), OtherPatient),
    (instance("1.4", series="1.2.9"), Recorded),
    (instance("1.5", series="1.2.9", study="1.7"), OtherPatient),
    (instance("1.6", series="1.7.1", study="1.7"), Recorded),
]


def contents(execute: Execute) -> dict[str, Any]:
    """How many rows, and a row, of each table."""
    found: dict[str, Any] = {}
    for table in TABLES:
        found[table] = execute(text(f"SELECT count(*) FROM {table}"), {})
        found[f"last {table}"] = execute(text(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1"), {})
    return {name: tuple(row or ()) for name, row in found.items()}


def taken(execute: Execute) -> list[type]:
    """Record every step; what became of each."""
    outcomes: list[type] = []
    for second, (one, _) in enumerate(STEPS):
        try:
            outcomes.append(type(arrival.record(execute, one, at(second))))
        except (DuplicateInstance, OtherPatient) as refusal:
            outcomes.append(type(refusal))
    return outcomes


@contextmanager
def fresh(folder: Path) -> Iterator[Database]:
    database = Database("", folder)
    database.upgrade()
    yield database
    database.close()


def test_the_drivers_way_leaves_what_sqlalchemys_leaves(tmp_path: Path) -> None:
    with fresh(tmp_path / "a") as database:
        driver = Driver(database.engine, "NORMAL")
        with driver.transaction() as execute:
            assert taken(execute) == [outcome for _, outcome in STEPS]
            by_the_driver = contents(execute)
        driver.close()
    with fresh(tmp_path / "b") as database, database.write() as session:
        execute = through(session.connection())
        assert taken(execute) == [outcome for _, outcome in STEPS]
        assert contents(execute) == by_the_driver
    assert [by_the_driver[table] for table in TABLES] == [(1,), (2,), (3,), (4,), (2,)]


@pytest.mark.parametrize("refused", [instance("1.9", patient="P2"), instance("1.9", study="1.7")])
def test_what_is_not_taken_leaves_every_row_as_it_was(database: Database, refused: Instance) -> None:
    with database.write() as session:
        execute = through(session.connection())
        arrival.record(execute, instance("1.1"), at(0))
        before = contents(execute)
        with pytest.raises(OtherPatient):
            arrival.record(execute, refused, at(9))
        assert contents(execute) == before
