"""A probe replaces what an earlier one found."""

from __future__ import annotations

from dicomnode.index import profiles
from dicomnode.index.database import Database
from tests.values import at


def test_the_latest_probe_counts(database: Database) -> None:
    with database.write() as session:
        profiles.write(session, "pacs", {("1.2", "1"): True, ("1.2", "2"): False, ("1.3", "1"): False}, at(1))
        profiles.write(session, "other", {("1.3", "1"): True}, at(1))
        assert profiles.accepted(session, "pacs") == (at(1), {"1.2"})
        profiles.write(session, "pacs", {("1.2", "1"): False}, at(2))
        assert profiles.accepted(session, "pacs") == (at(2), frozenset())
        assert profiles.accepted(session, "nobody") == (None, frozenset())
