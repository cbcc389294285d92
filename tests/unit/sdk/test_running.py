"""A plugin in its own process: what it is given, and what it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicomnode.errors import BrokenPlugin, Unsuitable
from dicomnode.sdk import wire
from dicomnode.sdk.running import PROGRESS, TRACEBACK, RunningContext, run_case
from tests.unit.sdk.test_wire import case


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    wire.write_case(tmp_path, case().volumes, {})
    return tmp_path


def test_progress_is_between_nothing_and_everything(tmp_path: Path) -> None:
    context = RunningContext(threads=2, directory=tmp_path)
    for said, written in ((-1, 0.0), (0.25, 0.25), (7, 1.0)):
        context.progress(said, "step")
        assert json.loads((tmp_path / PROGRESS).read_text()) == {"fraction": written, "step": "step"}
    assert [path.name for path in tmp_path.iterdir()] == [PROGRESS]


def test_findings_are_written(directory: Path) -> None:
    run_case("tests.plugin_zoo:mean", directory, 1)
    assert len(wire.read_findings(directory, case())) == 1


@pytest.mark.parametrize("entry", ["not_there:run", "tests.plugin_zoo:not_there"])
def test_an_entry_point_that_is_not_there_is_named(directory: Path, entry: str) -> None:
    with pytest.raises(BrokenPlugin, match=f"entry point {entry} cannot be imported"):
        run_case(entry, directory, 1)


def test_a_bug_leaves_its_traceback_and_a_verdict_does_not(directory: Path) -> None:
    with pytest.raises(Unsuitable):
        run_case("tests.plugin_zoo:unsuitable", directory, 1)
    assert not (directory / TRACEBACK).exists()
    with pytest.raises(ZeroDivisionError):
        run_case("tests.plugin_zoo:raises", directory, 1)
    assert "ZeroDivisionError: a bug" in (directory / TRACEBACK).read_text()
