"""What the store should hold."""

from __future__ import annotations

from dicomnode.index.database import Database
from dicomnode.index.holdings import Holdings
from dicomnode.index.intake import Intake
from tests.values import at, instance, store_key


def test_instances_by_shelf(database: Database) -> None:
    intake, rows = Intake(database), Holdings(database)
    assert rows.shelves() == []
    one = instance("1.1")
    intake.record(one, at(0))
    assert rows.shelves() == ["00000001"]
    assert rows.received("00000001") == {store_key("1.1"): one.stored}
    assert (rows.received("00000002"), rows.made("00000001")) == ({}, {})
    assert rows.keys("00000001") == {store_key("1.1")}
