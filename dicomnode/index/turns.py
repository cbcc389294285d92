"""One transaction for all instances that wait: SQLite has one writer at a time, and each commit costs a flush.

Who comes while a transaction is on its way waits; the first of those who wait then takes them all along. Nobody waits
for company: a lone sender has its transaction at once.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Instance, Recorded
from dicomnode.errors import DuplicateInstance, InDoubt, OtherPatient, OutOfResources, ReceiveError
from dicomnode.index import arrival, release, succession
from dicomnode.index.driver import CommitFailed, Driver, Execute, is_busy


def _closed() -> threading.Lock:
    gate = threading.Lock()
    gate.acquire()
    return gate


@dataclass(slots=True, eq=False)
class _Waiting:
    write: Callable[[Execute], Any]
    row: succession.Row | None = None
    """For `succession.take`, of an instance that may be just one more."""
    gate: threading.Lock = field(default_factory=_closed)
    """Opens when this is written, or when it is to lead; each waits at its own, or all would wake for every commit."""
    leads: bool = False
    written: bool = False
    result: Any = None
    failure: ReceiveError | None = None


class Queue:
    """Where processes wait for each other: a lock wakes the next, where SQLite would sleep and try again.

    Parameters
    ----------
    file : Path
        To be locked; made when it is not there.
    """

    def __init__(self, file: Path) -> None:
        self._file = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)


class Turns:
    """Writes together what comes together.

    Parameters
    ----------
    driver : Driver
        By which it is written.
    queue : context manager
        Entered for each transaction.
    """

    def __init__(self, driver: Driver, queue: AbstractContextManager[None]) -> None:
        self._driver = driver
        self._queue = queue
        self._at_work = threading.Lock()
        self._list = threading.Lock()
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
        write = partial(arrival.record, instance=instance, arrived=arrived)
        recorded: Recorded = self._committed(_Waiting(write, succession.row(instance, arrived)))
        return recorded

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID], at: datetime) -> None:
        """Commit that an association was released.

        Raises
        ------
        OutOfResources
            When the database does not take it now.
        """
        self._committed(_Waiting(partial(release.note, calling_aet=calling_aet, series=series, at=at)))

    def close(self) -> None:
        """Close the connection."""
        with self._at_work:
            self._driver.close()

    def _committed(self, own: _Waiting) -> Any:
        with self._list:
            own.leads, self._led = not self._led, True
            if not own.leads:
                self._waiting.append(own)
        if not own.leads:
            own.gate.acquire()
        if own.leads:
            self._lead(own)
        if own.failure is not None:
            raise own.failure
        if not own.written:
            raise InDoubt("the index did not say what became of an instance")
        return own.result

    def _lead(self, own: _Waiting) -> None:
        with self._list:
            others = list(self._waiting)
            self._waiting.clear()
        try:
            with self._at_work, self._queue:
                self._commit([own, *others])
        finally:
            with self._list:
                following = self._waiting.popleft() if self._waiting else None
                self._led = following is not None
            if following is not None:
                following.leads = True
                following.gate.release()
            for one in others:
                one.gate.release()

    def _commit(self, together: list[_Waiting]) -> None:
        rows = [one.row for one in together if one.row is not None]
        try:
            if len(rows) == len(together) and succession.take(self._driver, rows):
                for one in together:
                    one.result, one.failure = Recorded.STORED, None
            else:
                with self._driver.transaction() as execute:
                    for one in together:
                        self._write(execute, one)
        except CommitFailed:
            _fail(together, InDoubt)
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            if len(together) > 1 and not is_busy(error):  # rolled back, so that none need suffer for another
                for one in together:
                    self._commit([one])
                return
            _fail(together, OutOfResources)
        for one in together:
            one.written = True

    def _write(self, execute: Execute, one: _Waiting) -> None:
        one.failure = None  # of an attempt that was rolled back
        try:
            if one.row is not None and succession.take(self._driver, [one.row]):
                one.result = Recorded.STORED
            else:
                one.result = one.write(execute)
        except (DuplicateInstance, OtherPatient) as refusal:  # nothing was written for it
            one.failure = refusal


def _fail(together: list[_Waiting], failure: type[OutOfResources]) -> None:
    for one in together:
        one.failure = failure("the index does not take instances now")
