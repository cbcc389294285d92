"""The store held against the index."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from dicomnode.cli.main import app
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.receive.admit import Admission
from dicomnode.store.filesystem import FileStore
from tests.unit.cli.conftest import Cli
from tests.unit.receive.test_admit import request
from tests.values import at


def test_agreement_then_loss(cli: Cli, config: Path, tmp_path: Path) -> None:
    data = tmp_path / "var"
    data.mkdir()
    database = Database("", data)
    database.upgrade()
    intake, store = Intake(database), FileStore(data / "store")
    Admission(store, intake, FileStore(data / "quarantine"), lambda: at(0)).admit(request())
    intake.close()
    database.close()
    assert "Store and index agree." in cli("verify")
    assert cli("verify", "--quick", as_json=True) == []
    (key,) = store.keys()
    store.remove(key)
    done = CliRunner().invoke(app, ["verify", "--json", "--config", str(config)])
    assert done.exit_code == 1
    assert f'"key": "{key}"' in done.stdout
    assert "lost: a row without a file" in done.stdout
