"""A configuration file, and a data folder in which a node has run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dicomnode.cli.main import app
from dicomnode.domain.exam import Assessment, NoMatch, Outcome, SeriesVerdict
from dicomnode.index import exams, tasks
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import SERIES, at, instance, planned, result, stack

Cli = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "node.toml"
    path.write_text(
        f"""
[node]
data = "{tmp_path / "var"}"
[[peers]]
name = "pacs"
aet = "PACS"
port = 1
receives = ["SR", "SEG"]
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""
    )
    return path


@pytest.fixture
def cli(config: Path) -> Cli:
    """Run a command on the configuration; with ``as_json`` the answer is parsed."""

    def run(*arguments: str, as_json: bool = False, fails: bool = False) -> Any:
        extra = ["--json"] if as_json else []
        done = CliRunner().invoke(app, [*arguments, *extra, "--config", str(config)])
        if fails:
            assert done.exit_code != 0
            return str(done.exception)
        assert done.exit_code == 0, done.output + repr(done.exception)
        return json.loads(done.stdout) if as_json else done.stdout

    return run


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """Where a node has received one series, run one plugin and refused another."""
    data = tmp_path / "var"
    database = Database("", data)
    database.upgrade()
    for uid in ("1.1", "1.2"):
        facts = {"SeriesNumber": "4", "SeriesDescription": "AX [dual] echo", "StudyDescription": "Abdomen"}
        Intake(database).record(instance(uid, **facts), at(0))
    note = "input0: series 4 taken; series 3 is 2 of 2: it was acquired earlier"
    task = replace(planned("a", stack("1.1", "1.2")), notes=(note,))
    with database.write() as session:
        (arrivals,) = exams.open_exams(session)
        verdict = SeriesVerdict(series_instance_uid=SERIES, outcome=Outcome.PENDING, reason="task")
        refusal = NoMatch(plugin="fusion", reason="no CE-MRN series", held=True)
        stacks = (task.inputs[0].stack,)
        assessment = Assessment(stacks=stacks, tasks=(task,), refusals=(refusal,), verdicts=(verdict,))
        exams.note_decision(session, arrivals.exam_id, "complete: because a test says so (stated)", "stated")
        exams.write_assessment(session, arrivals.exam_id, assessment, at(10))
        tasks.plan(session, arrivals.exam_id, [task], at(10))
        tasks.start(session, task.task_id, 1, at(11))
        made = [(result("7.1", "SR"), instance("7.1").stored)]
        tasks.finish(session, task.task_id, 1, made, [("pacs", frozenset({"SR"}))], at(12))
    database.close()
    return data
