"""One transaction for all instances that wait: SQLite has one writer at a time, and each commit costs a flush.

Who comes while a transaction is on its way waits; the first of those who wait then takes them all along. Nobody waits
for company: a lone sender has its transaction at once.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OtherPatient, OutOfResources, ReceiveError
from dicomnode.index import arrival, succession
from dicomnode.index.driver import Driver, Execute


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    instance: Instance
    arrived: datetime
    outcome: Recorded | ReceiveError | None = None


class Turns:
    """Records instances together."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._turn = threading.Lock()
        self._waiting: deque[_Waiting] = deque()  # takes no lock: only who has the turn takes anything out

    def record(self, instance: Instance, arrived: datetime) -> Recorded:
        """Commit an instance.

        Raises
        ------
        DuplicateInstance, OtherPatient
            As `arrival.record`.
        OutOfResources
            When the database does not take it now; InDoubt when it may have taken it all the same.
        """
        own = _Waiting(instance=instance, arrived=arrived)
        self._waiting.append(own)
        with self._turn:
            if own.outcome is None:
                self._commit([self._waiting.popleft() for _ in range(len(self._waiting))])
        if isinstance(own.outcome, Recorded):
            return own.outcome
        raise own.outcome or InDoubt("the index did not say what became of an instance")

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._driver.close()

    def _commit(self, together: list[_Waiting]) -> None:
        outcomes: list[Recorded | ReceiveError] = []
        begun = False
        try:
            with self._driver.transaction() as execute:
                begun = True
                outcomes = [self._outcome(execute, one) for one in together]
        except (sqlite3.Error, ValueError, TypeError, OverflowError):
            if begun and not outcomes and len(together) > 1:  # rolled back, so that none need suffer for another
                for one in together:
                    self._commit([one])
                return
            failure = InDoubt if outcomes else OutOfResources
            outcomes = [failure("the index does not take instances now") for _ in together]
        for one, outcome in zip(together, outcomes, strict=True):
            one.outcome = outcome

    def _outcome(self, execute: Execute, one: _Waiting) -> Recorded | ReceiveError:
        if succession.take(self._driver, execute, one.instance, one.arrived):
            return Recorded.STORED
        try:
            return arrival.record(execute, one.instance, one.arrived)
        except (DuplicateInstance, OtherPatient) as refusal:  # nothing was written for it
            return refusal
