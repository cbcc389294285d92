"""Refused bytes listed, and removed when nobody wants them any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicomnode.domain.identity import AETitle
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.store.filesystem import FileStore
from tests.unit.cli.conftest import Cli


@pytest.fixture
def quarantine(tmp_path: Path) -> FileStore:
    """Two refusals, one of yesterday and one of a month ago."""
    data = tmp_path / "var"
    data.mkdir()
    store, database = FileStore(data / "quarantine"), Database("", data)
    database.upgrade()
    intake = Intake(database)
    for days in (31, 1):
        key, size = store.put([bytes(days)])
        intake.quarantine(
            key, size, 0xC000, f"{days} days", AETitle("SCANNER"), "1.2", datetime.now(UTC) - timedelta(days)
        )
    assert intake.quarantined() == 32
    intake.close()
    database.close()
    return store


def test_what_is_old_is_purged_with_its_row(cli: Cli, quarantine: FileStore) -> None:
    old, young = cli("quarantine", "list", as_json=True)[::-1]
    assert (old["reason"], young["reason"]) == ("31 days", "1 days")
    assert cli("quarantine", "purge", "--older-than", "7", as_json=True) == [{"removed": 1}]
    assert cli("quarantine", "list", as_json=True) == [young]
    assert list(quarantine.keys()) == [young["store_key"]]
