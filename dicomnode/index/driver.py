"""One connection of SQLite's own driver, for the few statements that run for every instance."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import JSON, Connection, Dialect, Engine, Insert, Select
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

Execute: TypeAlias = Callable[[ClauseElement, Mapping[str, Any]], Sequence[Any] | None]
"""Runs a statement with its parameters; returns the first row, or None without one."""

_Bind: TypeAlias = Callable[[Any], Any]

_CHECKPOINT = 4000
"""Pages in the write-ahead log after which they are copied into the database, with flushes that all who wait share."""
_CACHE = 16384
"""KiB of the database in memory: the top of every index that an instance is written to."""


_REFUSED = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_BUSY})
_DISK_FAILED = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_CORRUPT})
"""What a statement that is its own transaction may fail with when its commit is half done. A full disk is not among
them: then the end of the log is not written, and what has no end is no commit."""


class CommitFailed(Exception):
    """A commit that took place or did not."""


class Driver:
    """Compiles a statement once and then hands it straight to the driver: a tenth of the time of another way.

    Not for several threads at once.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of an SQLite database.
    synchronous : str
        What a commit waits for (SQLite's PRAGMA synchronous).
    own : sequence of str
        Views and triggers that exist for this connection only.
    """

    def __init__(self, engine: Engine, synchronous: str, own: Sequence[str] = ()) -> None:
        self._engine = engine
        self._synchronous = synchronous
        self._own = own
        self._connection: Any = None
        self._compiled: dict[ClauseElement, _Compiled] = {}

    @contextmanager
    def transaction(self) -> Iterator[Execute]:
        """Run one transaction; it commits at the end and rolls back on an exception.

        Raises
        ------
        CommitFailed
            When everything was done but the commit.
        sqlite3.Error
            When the database does not take it.
        """
        connection = self._connected()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield self._execute
        except BaseException:
            self.close()  # which rolls back, whatever state the connection is in
            raise
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self.close()
            raise CommitFailed from error

    def run(self, statement: str, values: Sequence[Any]) -> None:
        """Run a statement in SQLite's own words, within a transaction or as one of its own.

        Raises
        ------
        CommitFailed
            When it was one of its own and the disk failed.
        sqlite3.Error
            Nothing was written by it.
        """
        connection = self._connected()
        alone = not connection.in_transaction
        try:
            connection.execute(statement, values)
        except sqlite3.Error as error:
            if alone and _code(error) not in _REFUSED:
                self.close()
            if alone and _code(error) in _DISK_FAILED:
                raise CommitFailed from error
            raise

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> Any:
        self._connection = self._connection or self._connect()
        return self._connection

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        wanted = {
            "synchronous": self._synchronous,
            "wal_autocheckpoint": _CHECKPOINT,
            "cache_size": -_CACHE,
            "temp_store": "MEMORY",
        }
        for pragma, value in wanted.items():
            connection.execute(f"PRAGMA {pragma}={value}")
        for definition in self._own:
            connection.execute(definition)
        return connection

    def _execute(self, statement: ClauseElement, values: Mapping[str, Any]) -> Sequence[Any] | None:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = _Compiled(statement, self._engine)
        row: Sequence[Any] | None = self._connection.execute(compiled.sql, compiled.bound(values)).fetchone()
        return row if row is None else compiled.read(row)


def is_busy(error: Exception) -> bool:
    """Whether another writer kept the database to itself for as long as we wait."""
    return _code(error) == sqlite3.SQLITE_BUSY


def _code(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def through(connection: Connection) -> Execute:
    """The same by way of SQLAlchemy, for any database."""

    def execute(statement: Any, values: Mapping[str, Any]) -> Sequence[Any] | None:
        result = connection.execute(statement, values)
        return result.first() if result.returns_rows else None

    return execute


class _Compiled:
    """A statement in the driver's words."""

    def __init__(self, statement: ClauseElement, engine: Engine) -> None:
        compiled: Any = statement.compile(dialect=engine.dialect)
        defaults = _defaults(statement.table) if isinstance(statement, Insert) else {}
        self.sql = str(compiled)
        self._places = [
            (
                name,
                defaults.get(name, compiled.binds[name].value),
                _conversion(compiled.binds[name].type, engine.dialect),
            )
            for name in compiled.positiontup
        ]
        self._readings = [
            column.type.dialect_impl(engine.dialect).result_processor(engine.dialect, None)
            for column in (statement.selected_columns if isinstance(statement, Select) else ())
        ]
        self._as_stored = not any(self._readings)

    def bound(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order and the form the statement wants."""
        return [
            values.get(name, constant) if convert is None else convert(values.get(name, constant))
            for name, constant, convert in self._places
        ]

    def read(self, row: Sequence[Any]) -> Sequence[Any]:
        """The row's values as the types of its columns say."""
        if self._as_stored:
            return row
        return [value if read is None else read(value) for read, value in zip(self._readings, row, strict=True)]


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> _Bind | None:
    """How values of a type are written; those that can be are remembered, as most are those of the instance before."""
    convert: _Bind | None = kind.dialect_impl(dialect).bind_processor(dialect)
    return convert if convert is None or isinstance(kind, JSON) else lru_cache(256)(convert)


def _defaults(table: Any) -> dict[str, Any]:
    return {column.key: column.default.arg for column in table.columns if column.default is not None}
