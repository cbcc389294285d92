"""One statement leaves what the many leave, and writes nothing where more is to be decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
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
    return {table: driver._connected().execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in TABLES}


def taken(driver: Driver, *several: Instance) -> bool:
    rows = [succession.row(one, at(n)) for n, one in enumerate(several, 1)]
    return succession.take(driver, [row for row in rows if row is not None])


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
        assert taken(driver, second)
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
        assert not taken(driver, one)
        assert contents(driver) == there


def test_several_in_one_statement_leave_what_arrival_leaves_one_by_one(driver: Driver) -> None:
    there = [instance("1.1"), instance("2.1", series="1.2.3.2"), instance("3.1", study="9", series="9.1", patient="P2")]
    several = [
        instance("1.2", InstanceNumber=2),
        instance("2.2", series="1.2.3.2", syntax="1.2.840.10008.1.2"),
        instance("3.2", study="9", series="9.1", patient="P2", SeriesDescription="r\u00f6ntgen"),
        instance("1.3", StationName="MR 2"),
    ]
    with driver.transaction() as execute:
        for one in there:
            arrival.record(execute, one, at(0))
        execute(text("UPDATE series SET reason = 'was whole'"), {})
    before = contents(driver)
    with driver.transaction() as execute:
        execute(text("SAVEPOINT here"), {})
        for n, one in enumerate(several, 1):
            arrival.record(execute, one, at(n))
        by_arrival = contents(driver)
        execute(text("ROLLBACK TO here"), {})
    assert contents(driver) == before
    assert taken(driver, *several)
    assert contents(driver) == by_arrival
    assert not driver._connected().in_transaction


def test_one_that_is_not_just_one_more_keeps_the_others_of_its_statement_out(driver: Driver) -> None:
    with driver.transaction() as execute:
        arrival.record(execute, instance("1.1"), at(0))
    there = contents(driver)
    assert not taken(driver, instance("1.2"), instance("1.3", series="1.2.9"), instance("1.4"))
    assert contents(driver) == there
    assert taken(driver, instance("1.2"), instance("1.4"))


def test_the_same_instance_twice_in_one_statement_is_left_to_arrival(driver: Driver) -> None:
    with driver.transaction() as execute:
        arrival.record(execute, instance("1.1"), at(0))
    assert not taken(driver, instance("1.2"), instance("1.2"))


def test_what_was_decoded_when_it_arrived_is_left_to_arrival() -> None:
    one = instance("1.2")
    assert succession.row(one, at(0)) is not None
    assert succession.row(replace(one, header=replace(one.header, facts=dict(one.header.facts))), at(0)) is None
