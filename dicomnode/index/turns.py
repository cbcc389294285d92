"""One transaction for all instances that wait: SQLite has one writer at a time, and each commit costs a flush.

Who comes while a transaction is on its way waits; the first of those who wait then takes them all along. Nobody waits
for company: a lone sender has its transaction at once.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from dicomnode.domain.instance import Instance
from dicomnode.index import arrival
from dicomnode.index.driver import Driver


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    instance: Instance
    arrived: datetime
    recorded: bool | None = None
    error: Exception | None = None


class Turns:
    """Records instances of the common case together."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._turn = threading.Lock()
        self._door = threading.Lock()
        self._waiting: list[_Waiting] = []

    def one_more(self, instance: Instance, arrived: datetime) -> bool:
        """Commit an instance if it is the common case; False leaves everything as it was.

        Raises
        ------
        sqlite3.Error
            When the database does not take it; whether it did all the same is unknown.
        """
        own = _Waiting(instance=instance, arrived=arrived)
        with self._door:
            self._waiting.append(own)
        with self._turn:
            if own.recorded is None and own.error is None:
                with self._door:
                    together, self._waiting = self._waiting, []
                self._commit(together)
        if own.error is not None:
            raise own.error
        return bool(own.recorded)

    def alone(self) -> AbstractContextManager[object]:
        """A turn of one's own, for what is not the common case."""
        return self._turn

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._driver.close()

    def _commit(self, together: list[_Waiting]) -> None:
        recorded: list[bool] | None = None
        try:
            with self._driver.transaction() as execute:
                recorded = [arrival.one_more(execute, one.instance, one.arrived) for one in together]
        except (sqlite3.Error, ValueError, TypeError) as error:
            for one in together:
                if recorded is None:  # it was rolled back: each goes the long way, and none suffers for another
                    one.recorded = False
                else:
                    one.error = error
            return
        for one, done in zip(together, recorded, strict=True):
            one.recorded = done
