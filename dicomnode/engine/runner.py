"""Run durable work: at least once, again after a crash, a few times at most."""

from __future__ import annotations

import logging
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dbos import DBOS, DBOSConfig
from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from dicomnode.engine.submitter import APPLICATION, PROTOCOL
from dicomnode.errors import SettingsError

log = logging.getLogger(__name__)

RECOVERY_ATTEMPTS = 3
"""Work that took the whole node down this often is given up, so that one poisonous exam cannot stop the others."""

_POLLING_S = 0.2
_AWAY_S = (0.5, 1, 2, 4, 8, 15, 30, 60)
"""Seconds that work waits for a database that is away, each time a little longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A function that may run again from its start, and how many of it may run at once."""

    run: Callable[..., None]
    concurrency: int
    partitioned: bool = False
    """Every piece of work names its partition, and so many may run at once in each."""


class Runner:
    """The running half of the engine: DBOS (one in a process) behind start and stop."""

    def __init__(self, engine: Engine, executor_id: str, workflows: Mapping[str, Workflow]) -> None:
        """Register workflows by name; each gets a queue of its name.

        Parameters
        ----------
        executor_id : str
            Stable name of this process: work it left unfinished is recovered when it starts again.

        Raises
        ------
        SettingsError
            When this Python and SQLite cannot keep the engine's clock.
        """
        _check_clock(engine)
        # DBOS answers log_level too late for its first lines.
        logging.getLogger("dbos").setLevel(logging.WARNING)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_engine": engine,
            "executor_id": executor_id,
            "application_version": PROTOCOL,
            "log_level": "WARNING",
            "enable_otlp": False,
            "notification_listener_polling_interval_sec": 1.0,
        }
        self._workflows = workflows
        self._running, self._count = 0, threading.Lock()
        self._dbos: Any = DBOS(config=config)
        for name, workflow in workflows.items():
            DBOS.workflow(name=name, max_recovery_attempts=RECOVERY_ATTEMPTS)(self._counted(name, workflow.run))

    def start(self) -> None:
        """Create or migrate the engine's tables, recover unfinished work, begin to take work from the queues."""
        DBOS.launch()
        for name, workflow in self._workflows.items():
            limit = "partition_worker_concurrency" if workflow.partitioned else "worker_concurrency"
            limits: dict[str, Any] = {limit: workflow.concurrency}
            DBOS.register_queue(name, polling_interval_sec=_POLLING_S, **limits)

    def stop(self, finish_within_s: float) -> bool:
        """Take no more work and let running work finish for a while; False when some of it still runs."""
        DBOS.destroy(workflow_completion_timeout_sec=int(finish_within_s), destroy_registry=True)
        return self._running == 0

    def _counted(self, name: str, run: Callable[..., None]) -> Callable[..., None]:
        def workflow(*arguments: str | int) -> None:
            with self._count:
                self._running += 1
            try:
                _patiently(run, *arguments)
            finally:
                with self._count:
                    self._running -= 1

        workflow.__qualname__ = workflow.__name__ = name
        return workflow


def _patiently(run: Callable[..., None], *arguments: str | int) -> None:
    """Run work again when the database went away under it; after some two minutes the failure is its own."""
    for wait_s in _AWAY_S:
        try:
            return run(*arguments)
        except (OperationalError, InterfaceError):
            log.warning("the database is away, work waits for it", extra={"seconds": wait_s})
            time.sleep(wait_s)
    return run(*arguments)


def _check_clock(engine: Engine) -> None:
    if engine.dialect.name == "sqlite" and sys.version_info >= (3, 12) and sqlite3.sqlite_version_info < (3, 42):
        raise SettingsError(
            f"Python {sys.version_info[0]}.{sys.version_info[1]} with SQLite {sqlite3.sqlite_version} has no "
            "sub-second clock for the engine: use SQLite 3.42 or newer, Python 3.11, or PostgreSQL"
        )
