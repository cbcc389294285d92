"""The short way leaves exactly what the long way leaves, and keeps out of everything that is not the common case."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from dicomnode.index import arrival
from dicomnode.index.database import Database
from dicomnode.index.driver import through
from dicomnode.index.intake import Intake
from tests.values import at, instance


def _contents(database: Database) -> dict[str, list[Any]]:
    with database.read() as session:
        return {
            table: sorted(map(tuple, session.execute(text(f"SELECT * FROM {table}"))), key=str)
            for table in ("patient", "study", "series", "instance", "exam")
        }


def test_both_ways_leave_the_same_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bool] = []
    short = arrival.one_more
    monkeypatch.setattr(arrival, "one_more", lambda *arguments: taken.append(short(*arguments)) or taken[-1])
    intake = Intake(database)
    for second, uid in enumerate(("1.1", "1.2", "1.3")):
        intake.record(instance(uid), at(second))
    assert taken == [False, True, True]
    by_the_short_way = _contents(database)
    with database.write() as session:
        for table in ("exam", "instance", "series", "study", "patient"):
            session.execute(text(f"DELETE FROM {table}"))
    monkeypatch.setattr(arrival, "one_more", lambda *_: False)
    for second, uid in enumerate(("1.1", "1.2", "1.3")):
        intake.record(instance(uid), at(second))
    by_the_long_way = _contents(database)
    for table in ("series", "instance"):
        assert by_the_short_way[table] == by_the_long_way[table]
    assert [row[1:] for row in by_the_short_way["exam"]] == [row[1:] for row in by_the_long_way["exam"]]


@pytest.mark.parametrize("change", [{"content": "other"}, {"uid": "1.1"}])
def test_a_known_instance_goes_the_long_way(database: Database, change: dict[str, str]) -> None:
    Intake(database).record(instance("1.1"), at(0))
    with database.write() as session:
        assert not arrival.one_more(through(session.connection()), instance(**{"uid": "1.1", **change}), at(1))
