"""One SQL database, SQLite or PostgreSQL: engine, transactions, migrations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from dicomnode.errors import SettingsError

_BUSY_TIMEOUT_S = 30.0
_NODE_LOCK_WAIT_S = 3
_NODE_LOCK = 0x6469636F6D  # any number that others are unlikely to choose


Transaction = Session
"""An open transaction, handed from one room to the next so that several facts commit together."""

DATABASE_AWAY = (OperationalError, InterfaceError)
"""What a transaction raises that may do well a little later: the server restarts, a disk is full, a lock is held."""


class Database:
    """Transactions on the index. Every writing transaction on SQLite begins IMMEDIATE: waiting beats failing late.

    Attributes
    ----------
    workflow_engine : sqlalchemy.Engine
        For the workflow engine, which begins its own transactions on SQLite; the same database.
    """

    def __init__(self, url: str, data: Path) -> None:
        """Open the database.

        Parameters
        ----------
        url : str
            SQLAlchemy URL; empty for SQLite inside ``data``.
        data : Path
            Folder of the embedded node.

        Raises
        ------
        SettingsError
            When the URL is not one of SQLite or PostgreSQL.
        """
        if not url:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            url = f"sqlite:///{(data / 'dicomnode.sqlite').absolute()}"
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise SettingsError("database.url is not an SQLAlchemy URL") from error
        if parsed.get_backend_name() not in ("sqlite", "postgresql"):
            raise SettingsError(f"database.url: {parsed.get_backend_name()} is not supported; use sqlite or postgresql")
        if parsed.get_backend_name() == "sqlite":
            self.engine, self.workflow_engine = _sqlite(url), _sqlite_for_workflows(url)
        else:
            self.engine = self.workflow_engine = _postgresql(url)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Run one transaction; it commits at the end and rolls back on an exception."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """Run one read-only transaction; it never waits for a writer."""
        with Session(self.engine.execution_options(sqlite_begin="BEGIN")) as session, session.begin():
            yield session

    def check(self) -> None:
        """Ask whether the database answers.

        Raises
        ------
        SettingsError
            When it does not; with the server's own words, which hold no data.
        """
        try:
            with self.read() as session:
                session.execute(text("SELECT 1"))
        except DATABASE_AWAY as error:
            raise SettingsError(f"the database does not answer: {str(error.orig).strip().splitlines()[0]}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the database for this node: two nodes would take up each other's running work.

        SQLite lies in the data folder, which the node holds already. On PostgreSQL an advisory lock of one connection
        does it; it ends with the connection, whatever becomes of the node.

        Raises
        ------
        SettingsError
            When another node holds it, or it does not answer.
        """
        self.check()
        if self.engine.dialect.name == "sqlite":
            yield
            return
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            try:
                # The server may still have to notice that the node before this one was killed.
                connection.execute(text(f"SET lock_timeout = '{_NODE_LOCK_WAIT_S}s'"))
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _NODE_LOCK})
            except OperationalError as error:
                connection.invalidate()
                raise SettingsError("another node uses this database; give this one its own database.url") from error
            try:
                yield
            finally:
                connection.invalidate()  # back in the pool it would go on holding the lock

    def upgrade(self) -> None:
        """Bring the schema to this release, from empty or from any earlier release."""
        # Only the start of a node needs it, and it takes half as long as a short command.
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(resources.files("dicomnode.index") / "migrations"))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.workflow_engine.dispose()


def _postgresql(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=10)


def _sqlite(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S, "isolation_level": None}, pool_size=10)
    event.listen(engine, "connect", _set_pragmas)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # The driver's own transactions begin DEFERRED and fail late, when a read turns into a write.
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))

    return engine


def _sqlite_for_workflows(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S, "isolation_level": "IMMEDIATE"})
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, _record: object) -> None:
    # FULL: in WAL mode NORMAL may lose the last commits, hence acknowledged instances, in a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
