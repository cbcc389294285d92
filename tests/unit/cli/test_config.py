"""A configuration is checked before a night shift finds out."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.conftest import Cli


def test_a_right_file_is_summed_up(cli: Cli, config: Path) -> None:
    report = cli("config", "check", as_json=True)
    assert (report["senders"], report["destinations"]) == (["scanner"], {"pacs": ["SR", "SEG"]})
    assert report["warnings"] == []
    assert cli("config", "check").startswith(f"{config}: right\n")


def test_what_would_surprise_is_warned_of(cli: Cli, config: Path) -> None:
    config.write_text("[dicom]\naccept_unknown_peers = true\n")
    assert cli("config", "check", as_json=True)["warnings"] == [
        "dicom.accept_unknown_peers is on: any system that reaches the port may store",
        "no peer receives results: they stay in this node",
    ]
    config.write_text("")
    assert "no peer has may_store: nobody can send images to this node" in cli("config", "check")


def test_a_mistake_is_named_with_file_line_and_key(cli: Cli, config: Path) -> None:
    config.write_text("[dicom]\naet = 'A'\nport = 'x'\n")
    assert cli("config", "check", fails=True).startswith(f"{config}:3: dicom.port: Input should be a valid integer")
    config.write_text("[plugins.gone]\n")
    assert cli("config", "check", fails=True).startswith("plugins.gone: not installed; installed are")


def test_show_prints_what_is_in_force(cli: Cli) -> None:
    shown = json.loads(cli("config", "show", "--set", "dicom.port=11113"))
    assert (shown["dicom"]["port"], shown["dicom"]["aet"]) == (11113, "DICOMNODE")


def test_show_and_the_list_of_peers_keep_secrets(cli: Cli, config: Path) -> None:
    config.write_text("[[peers]]\nname = 'pacs'\naet = 'PACS'\nauthorization = 'Bearer s3cret'\n")
    shown = cli("config", "show")
    assert json.loads(shown)["peers"][0]["authorization"] == "**********"
    assert "s3cret" not in shown + json.dumps(cli("peers", "list", as_json=True)) + cli("config", "check")
