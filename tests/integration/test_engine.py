"""Durable work on both databases: submitted in the caller's transaction, recovered after kill -9."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from dicomnode.engine.runner import RECOVERY_ATTEMPTS, Runner, Workflow
from dicomnode.engine.submitter import Submitter
from dicomnode.index.database import Database


def _until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@contextmanager
def _engine(database: Database, run: Callable[..., None]) -> Iterator[Submitter]:
    runner = Runner(database.workflow_engine, "node-1", {"work": Workflow(run=run, concurrency=2)})
    runner.start()
    submitter = Submitter(database.workflow_engine)
    try:
        yield submitter
    finally:
        submitter.close()
        runner.stop(5)


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    opened = Database(database_url, tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


def test_work_exists_when_its_transaction_commits_and_runs_once(database: Database) -> None:
    ran: list[tuple[str, int]] = []
    done = threading.Event()

    def work(name: str, number: int) -> None:
        ran.append((name, number))
        if name == "last":
            done.set()

    with _engine(database, work) as submitter:
        with database.write() as session:
            submitter.submit(session, "work", "w-rolled-back", "rolled back", 0)
            session.rollback()
        for _ in range(2):
            with database.write() as session:
                submitter.submit(session, "work", "w-1", "once", 1)
        _until(lambda: ("once", 1) in ran)
        with database.write() as session:
            submitter.submit(session, "work", "w-2", "last", 2)
        assert done.wait(20)
        _until(lambda: submitter.alive() == set())
    assert ran == [("once", 1), ("last", 2)]


def test_work_outlasts_a_database_that_is_away_for_a_moment(database: Database) -> None:
    ran: list[int] = []

    def work() -> None:
        ran.append(len(ran))
        if len(ran) == 1:
            raise OperationalError("COMMIT", None, ConnectionError("the server restarts"))

    with _engine(database, work) as submitter:
        with database.write() as session:
            submitter.submit(session, "work", "w-away")
        _until(lambda: submitter.alive() == set())
    assert ran == [0, 1]


def test_delayed_work_is_alive_while_it_waits(database: Database) -> None:
    ran: list[float] = []
    with _engine(database, lambda: ran.append(time.monotonic())) as submitter:
        submitted = time.monotonic()
        with database.write() as session:
            submitter.submit(session, "work", "w-later", delay_s=1.0)
        assert submitter.alive() == {"w-later"}
        _until(lambda: bool(ran))
    assert ran[0] - submitted >= 0.9


def test_what_was_forgotten_may_be_done_again_and_what_lives_is_not_forgotten(database: Database) -> None:
    ran: list[str] = []
    with _engine(database, ran.append) as submitter:

        def submit(workflow_id: str, delay_s: float = 0.0) -> None:
            with database.write() as session:
                submitter.submit(session, "work", workflow_id, workflow_id, delay_s=delay_s)

        for workflow_id in ("work-1", "work-1-again", "work-12"):
            submit(workflow_id)
        _until(lambda: submitter.alive() == set())
        submit("work-2", delay_s=60.0)
        assert not submitter.forget(["work-1", "work-2"])
        submit("work-1")
        assert submitter.alive() == {"work-2"}, "its id is known still"
        assert submitter.forget(["work-1"])
        assert submitter.forget(["work-1"])
        for workflow_id in ("work-1", "work-1-again", "work-12"):
            submit(workflow_id)
        _until(lambda: submitter.alive() == {"work-2"})
    assert sorted(ran) == ["work-1", "work-1", "work-1-again", "work-1-again", "work-12"]


_CHILD = """
import os, sys, pathlib
from dicomnode.engine.runner import Runner, Workflow
from dicomnode.engine.submitter import Submitter
from dicomnode.index.database import Database
url, data, ledger = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
database = Database(url, data)
def work():
    with ledger.open("a") as file:
        file.write("started\\n")
    os.kill(os.getpid(), 9)
runner = Runner(database.workflow_engine, "node-1", {"work": Workflow(run=work, concurrency=1)})
runner.start()
submitter = Submitter(database.workflow_engine)
with database.write() as session:
    submitter.submit(session, "work", "w-poison")
import time
while "w-poison" in submitter.alive():
    time.sleep(0.05)
ledger.open("a").write("given up\\n")
runner.stop(1)
"""


def test_work_that_kills_the_process_is_recovered_and_then_given_up(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    for _ in range(RECOVERY_ATTEMPTS + 3):
        command = [sys.executable, "-c", _CHILD, database_url, str(tmp_path), str(ledger)]
        subprocess.run(command, check=False, timeout=60, capture_output=True)
        if "given up" in ledger.read_text():
            break
    lines = ledger.read_text().split("\n")[:-1]
    assert lines[-1] == "given up"
    assert 2 <= lines.count("started") <= RECOVERY_ATTEMPTS + 1
