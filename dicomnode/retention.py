"""The duty that lets exams go which have had their time here, and finishes what a crash left of it.

The rows go first, all of an exam in one transaction that also notes its files as leaving; then the files. A crash in
between leaves files that are leaving: they go before the next start looks for files without rows, so that nobody takes
them for images that were being received.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from dicomnode.deliver.retention import why_stays
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.domain.retention import Holding
from dicomnode.engine.submitter import Submitter
from dicomnode.index import retention
from dicomnode.index.database import Database
from dicomnode.settings import Settings
from dicomnode.store.filesystem import FileStore

log = logging.getLogger(__name__)


def finish(database: Database, store: FileStore) -> None:
    """Remove the files that are leaving; the node does so before it recovers."""
    with database.read() as session:
        keys = retention.leaving(session)
    if keys:
        store.remove_all(keys)
        with database.write() as session:
            retention.gone(session, keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Takes away, exam by exam, what may go."""

    settings: Settings
    database: Database
    store: FileStore
    submitter: Submitter
    now: Callable[[], datetime]

    def look(self) -> None:
        """Let every exam go that may; called once an hour.

        The rows are read before the engine is asked, and once more within the transaction that deletes them.
        """
        finish(self.database, self.store)
        days = self.settings.retention.exams
        if not days:
            return
        with self.database.read() as session:
            quiet = retention.quiet_since(session, self.now() - timedelta(days=days))
        went = sum(self._goes(study) for study in quiet)
        finish(self.database, self.store)
        if went:
            log.info("exams went by retention", extra={"count": went})

    def _goes(self, study: StudyInstanceUID) -> bool:
        with self.database.read() as session:
            held = retention.holding(session, study)
        if held is None or self._stays(held) or not self._work_ended(held):
            return False
        for task in held.tasks:  # of ended attempts: another attempt would have a directory of its own
            for attempt in range(1, task.attempt + 1):
                shutil.rmtree(self._cases / f"{task.task_id[:16]}-{attempt}", ignore_errors=True)
        with self.database.write() as session:
            held = retention.holding(session, study)
            if held is None or self._stays(held):
                return False
            retention.take_away(session, held, self.now())
        return True

    def _stays(self, held: Holding) -> str:
        unasked = {peer.name for peer in self.settings.peers if not peer.commitment}
        return why_stays(held, self.settings.retention, unasked, self.now())

    def _work_ended(self, held: Holding) -> bool:
        """Forget the engine's ended work on an exam; a repetition of its ids would be no work. False if some is alive.

        Every workflow's id begins with its name and the exam, task or study it works on.
        """
        names = [("assess", str(exam)) for exam, _ in held.exams]
        names += [(name, task.task_id) for task in held.tasks for name in ("execute", "deliver", "prove", "retract")]
        names.append(("prefetch", held.study_instance_uid))
        return self.submitter.forget(["-".join(name) for name in names])

    @property
    def _cases(self) -> Path:
        return self.settings.node.data.absolute() / "cases"
