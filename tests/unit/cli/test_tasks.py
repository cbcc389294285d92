"""Tasks listed and run again."""

from __future__ import annotations

from pathlib import Path

from dicomnode.engine.runner import Runner
from dicomnode.index.database import Database
from tests.unit.cli.conftest import Cli
from tests.values import digest

TASK = digest("a")


def test_list(cli: Cli, ran: Path) -> None:
    (task,) = cli("tasks", "list", as_json=True)
    assert (task["task_id"], task["state"], task["deliveries"]) == (TASK, "done", {"pacs": {"queued": 1}})
    assert cli("tasks", "list", "--study", "9.9", as_json=True) == []
    assert TASK[:12] in cli("tasks", "list")


def test_retry_queues_the_next_attempt(cli: Cli, ran: Path) -> None:
    database = Database("", ran)
    runner = Runner(database.workflow_engine, "node-1", {})
    runner.start()  # makes the engine's tables, as the node does
    runner.stop(1)
    assert cli("tasks", "retry", TASK[:8], as_json=True) == [{"task_id": TASK, "attempt": 2}]
    (task,) = cli("tasks", "list", as_json=True)
    assert (task["state"], task["attempt"]) == ("queued", 2)
    assert "has not ended" in cli("tasks", "retry", TASK, fails=True)
    database.close()


def test_retry_of_what_is_not_there(cli: Cli, ran: Path) -> None:
    assert cli("tasks", "retry", "zz", fails=True) == "no tasks begin with 'zz'; 'dicomnode tasks list' shows all"
