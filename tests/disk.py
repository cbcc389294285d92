"""SQLite on a disk that fails just when a commit has taken place."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dicomnode.index.driver import Driver


class _Connection:
    def __init__(self, connection: Any, code: int) -> None:
        self._connection = connection
        self._code = code

    def execute(self, statement: str, values: Any = ()) -> Any:
        """What ends with a transaction committed is done, and fails all the same."""
        commits = statement == "COMMIT" or (statement.startswith("INSERT") and not self._connection.in_transaction)
        cursor = self._connection.execute(statement, values)
        if commits:
            error = sqlite3.OperationalError("the disk fails")
            error.sqlite_errorcode = self._code  # type: ignore[misc]
            raise error
        return cursor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@contextmanager
def failing(monkeypatch: pytest.MonkeyPatch, code: int = sqlite3.SQLITE_IOERR_FSYNC) -> Iterator[None]:
    """Connections that are opened here fail whenever they have committed."""
    connect = Driver._connect
    with monkeypatch.context() as patched:
        patched.setattr(Driver, "_connect", lambda driver: _Connection(connect(driver), code))
        yield
