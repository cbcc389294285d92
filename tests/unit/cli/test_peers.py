"""What is configured, and what a probe found."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicomnode.cli.main import app
from dicomnode.deliver.profiles import CLASSES
from dicomnode.index import commitments, profiles
from dicomnode.index.database import Database
from tests.peers.orthanc import Orthanc
from tests.unit.cli.conftest import Cli
from tests.values import at


def test_peers_are_listed_before_a_node_has_run(cli: Cli) -> None:
    assert [(peer["name"], peer.get("takes")) for peer in cli("peers", "list", as_json=True)] == [
        ("pacs", None),
        ("scanner", None),
    ]


def test_the_list_shows_what_was_found(cli: Cli, ran: Path) -> None:
    database = Database("", ran)
    with database.write() as session:
        profiles.write(session, "pacs", {(CLASSES["SC"][0], "1.2"): True, (CLASSES["SEG"][0], "1.2"): False}, at(5))
        commitments.count_refusal(session, "PACS", "no such transaction", at(6))
    database.close()
    pacs, scanner = cli("peers", "list", as_json=True)
    assert (pacs["takes"], pacs["refused_reports"]) == (["SC"], 1)
    assert datetime.fromisoformat(pacs["probed"]) == at(5).astimezone(UTC)
    assert (scanner["takes"], scanner["probed"], scanner["refused_reports"]) == ([], None, 0)


def test_a_probe_keeps_what_a_real_archive_takes(cli: Cli, config: Path, ran: Path, orthanc: Orthanc) -> None:
    there = f"aet = '{orthanc.aet}'\nport = {orthanc.dicom_port}\nreceives = ['SR', 'SEG']"
    config.write_text(f"[node]\ndata = '{ran}'\n[[peers]]\nname = 'pacs'\n{there}\n")
    (row,) = cli("peers", "probe", as_json=True)
    assert (row["name"], row["text"], row["lacks"]) == ("pacs", "answers", [])
    assert {"SR", "SEG", "SC", "PM"} <= set(row["takes"])
    (listed,) = cli("peers", "list", as_json=True)
    assert (listed["takes"], listed["probed"] is not None) == (row["takes"], True)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # pynetdicom leaves it to the collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("collected", "ran")
def test_a_peer_that_cannot_be_asked_fails_the_probe(config: Path) -> None:
    done = CliRunner().invoke(app, ["peers", "probe", "--json", "--config", str(config)])
    assert done.exit_code == 1
    assert "pacs does not answer" in done.stdout
