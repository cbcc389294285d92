"""One fresh database for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnode.index.database import Database
from tests.peers.postgresql import Cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The index, empty, at this release's schema."""
    if request.param == "sqlite":
        opened = Database("", tmp_path)
        opened.upgrade()
        yield opened
        opened.close()
        return
    cluster: Cluster = request.getfixturevalue("postgresql_cluster")
    name = cluster.create(like=request.getfixturevalue("upgraded_postgresql"))
    opened = Database(cluster.url(name), tmp_path)
    yield opened
    opened.close()
    cluster.drop(name)
