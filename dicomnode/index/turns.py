"""One transaction for all instances that wait: SQLite has one writer at a time, and each commit costs a flush.

Who comes while a transaction is on its way waits; the first of those who wait then takes them all along. Nobody waits
for company: a lone sender has its transaction at once. Each is woken by itself, when its outcome is there or when it
has to lead: with one lock for all, each would pass it to the next, and the next transaction would wait for all of them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OtherPatient, OutOfResources, ReceiveError
from dicomnode.index import arrival, succession
from dicomnode.index.driver import Driver, Execute


def _unsaid() -> InDoubt:
    return InDoubt("the index did not say what became of an instance")


def _held() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    instance: Instance
    arrived: datetime
    outcome: Recorded | ReceiveError | None = None
    woken: threading.Lock = field(default_factory=_held)


class Turns:
    """Records instances together."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._turn = threading.Lock()
        self._led = False
        self._waiting: deque[_Waiting] = deque()

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
        with self._turn:
            self._waiting.append(own)
            leads, self._led = not self._led, True
        if not leads:
            own.woken.acquire()
        if own.outcome is None:
            self._lead()
        if isinstance(own.outcome, Recorded):
            return own.outcome
        raise own.outcome or _unsaid()

    def close(self) -> None:
        """Close the connection."""
        self._driver.close()

    def _lead(self) -> None:
        """Take all who wait along; then the first of those who came meanwhile leads."""
        with self._turn:
            together = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._commit(together)
        finally:
            with self._turn:
                following = self._waiting[0] if self._waiting else None
                self._led = following is not None
            for one in together:
                one.outcome = one.outcome or _unsaid()
                one.woken.release()
            if following is not None:
                following.woken.release()

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
