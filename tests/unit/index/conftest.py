"""One fresh database for each test, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnode.index.database import Database


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The index, empty, at this release's schema."""
    opened = Database(database_url, tmp_path)
    opened.upgrade()
    yield opened
    opened.close()
