"""Plugins listed, described, and run on a case directory."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from dicomnode.cli.main import app
from dicomnode.demo.phantom import Exam
from dicomnode.sdk import wire
from tests.plugins.fat_fraction.exams import SMALL, case
from tests.unit.cli.conftest import Cli


def test_list_and_describe(cli: Cli) -> None:
    plugins = {plugin["name"]: plugin for plugin in cli("plugins", "list", as_json=True)}
    assert (plugins["fat_fraction"]["status"], plugins["fat_fraction"]["enabled"]) == ("research", True)
    assert "fat_fraction" in cli("plugins", "list", "--set", "plugins.fat_fraction.enabled=false")


def test_a_case_directory_is_replayed(cli: Cli, tmp_path: Path) -> None:
    given, _truth = case(Exam(shape=SMALL))
    wire.write_case(tmp_path, given.volumes, given.parameters)
    done = CliRunner().invoke(app, ["plugins", "run", "fat_fraction", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    kinds = [finding["kind"] for finding in json.loads(done.stdout)]
    assert {"ParametricMap", "Segmentation", "SecondaryCapture", "Measurement"} <= set(kinds)
    assert (tmp_path / wire.FINDINGS).exists()


def test_a_name_that_is_not_installed(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["plugins", "run", "gone", str(tmp_path)])
    assert str(done.exception) == "no plugin is called 'gone'; 'dicomnode plugins list' shows all"
