"""One statement leaves what the many leave, and writes nothing where more is to be decided."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from dicomnode.domain.instance import Instance
from dicomnode.index import arrival, succession
from dicomnode.index.database import Database
from dicomnode.index.driver import Driver
from tests.values import at, instance

TABLES = ("patient", "study", "series", "instance", "exam")


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    database = Database("", tmp_path)
    database.upgrade()
    driver = Driver(database.engine, "NORMAL", succession.VIEW)
    yield driver
    driver.close()
    database.close()


def contents(driver: Driver) -> dict[str, list[tuple[object, ...]]]:
    return {table: driver._connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}


def test_the_rows_are_those_of_arrival(driver: Driver) -> None:
    first, second = instance("1.1", patient="a\0b"), instance("1.2", patient="a\0b")
    undone = (
        "DELETE FROM instance WHERE sop_instance_uid = '1.2'",
        "UPDATE series SET reason = 'was whole', last_arrival = '2026-01-01 00:00:00.000000'",
        "UPDATE exam SET last_arrival = first_arrival",
    )
    with driver.transaction() as execute:
        arrival.record(execute, first, at(0))
        arrival.record(execute, second, at(1))
        by_arrival = contents(driver)
        for statement in undone:
            execute(text(statement), {})
        assert contents(driver) != by_arrival
        assert succession.take(driver, execute, second, at(1))
        assert contents(driver) == by_arrival


@pytest.mark.parametrize(
    ("before", "one"),
    [
        ("", instance("1.1")),  # is there
        ("", instance("1.1", content="other")),
        ("", instance("1.2", patient="P2")),
        ("", instance("1.2", study="1.7")),
        ("", instance("1.2", series="1.2.9")),  # a new series
        ("UPDATE exam SET state = 'assessed'", instance("1.2")),  # a new revision
        ("UPDATE exam SET state = 'assessing'", instance("1.2")),
    ],
)
def test_what_is_not_just_one_more_is_left_to_arrival(driver: Driver, before: str, one: Instance) -> None:
    with driver.transaction() as execute:
        arrival.record(execute, instance("1.1"), at(0))
        if before:
            execute(text(before), {})
        there = contents(driver)
        assert not succession.take(driver, execute, one, at(1))
        assert contents(driver) == there
