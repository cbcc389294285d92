"""Settings of the databases, and migrations that agree with the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from dicomnode.errors import SettingsError
from dicomnode.index import schema_monitor
from dicomnode.index.database import Database
from dicomnode.index.schema import Table


def test_migrations_and_tables_agree(database: Database) -> None:
    assert schema_monitor.DecisionRow.__table__.name in Table.metadata.tables
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    database.upgrade()


def test_sqlite_loses_no_commit_in_a_power_cut(tmp_path: Path) -> None:
    database = Database("", tmp_path)
    for engine in (database.engine, database.workflow_engine):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2, "2 is FULL"
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


@pytest.mark.parametrize("url", ["mysql://localhost/x", "no url at all"])
def test_other_databases_are_refused_by_name(url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"database\.url"):
        Database(url, tmp_path)


def test_a_database_that_does_not_answer_is_named(tmp_path: Path) -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    with pytest.raises(SettingsError, match=r"the database does not answer: .*refused"):
        database.check()
    database.close()


def test_one_node_holds_a_postgresql_database(postgresql_url: str, tmp_path: Path) -> None:
    one, other = Database(postgresql_url, tmp_path), Database(postgresql_url, tmp_path)
    with one.held():
        with pytest.raises(SettingsError, match="another node uses this database"), other.held():
            pass
        one.upgrade()
    with other.held():
        pass
    for database in (one, other):
        database.close()


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    with database.write() as writer:
        writer.execute(Table.metadata.tables["event"].select())
        with database.read() as reader:
            assert reader.execute(Table.metadata.tables["event"].select()).all() == []
