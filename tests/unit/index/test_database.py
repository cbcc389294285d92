"""Settings of the databases, and migrations that agree with the tables."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import select

from dicomnode.domain.instance import Recorded
from dicomnode.errors import SettingsError
from dicomnode.index import exams, schema_monitor
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.schema import SeriesRow, Table
from tests.values import SERIES, STUDY, at, instance

BEFORE = (
    "INSERT INTO patient (id, patient_id, issuer, name, birth_date, sex) VALUES (1, 'P1', '', 'Doe^Jane', '', 'F')",
    "INSERT INTO study VALUES ('1.2.3', 1, '', '', '', '', '2026-03-01 12:00:05')",
    *(
        "INSERT INTO series (series_instance_uid, study_instance_uid, number, modality, description, outcome, reason, "
        f"last_arrival) VALUES ('{uid}', '1.2.3', '', 'MR', '', 'pending', '', '2026-03-01 12:00:09')"
        for uid in ("1.2.3.1", "1.2.3.2")
    ),
    *(
        "INSERT INTO instance (sop_instance_uid, sop_class_uid, transfer_syntax_uid, series_instance_uid, store_key, "
        f"size, digest, patient, facts, frames, calling_aet, arrived) VALUES ('{uid}', '1.2.840.10008.5.1.4.1.1.4', "
        f"'1.2.840.10008.1.2.1', '1.2.3.1', 'key-{uid}', 100, 'd', "
        """'{"patient_id": "P1", "issuer": "", "name": "Doe^Jane", "birth_date": "", "sex": "F"}', """
        f"""'{{"Modality": "MR", "EchoTime": {echo}}}', '[]', 'SENDER', '2026-03-01 12:00:0{second}')"""
        for uid, echo, second in (("1.1", 4.6, 9), ("1.2", 2.3, 5))
    ),
)
"""Two instances of a study, and a series whose instances were deleted, as release 0010 of the schema kept them."""


def test_migrations_and_tables_agree(database: Database) -> None:
    assert schema_monitor.DecisionRow.__table__.name in Table.metadata.tables
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_what_came_before_headers_were_kept_as_they_came_is_still_read(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url, tmp_path)
    with database.engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(files("dicomnode.index") / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        for statement in BEFORE:
            connection.exec_driver_sql(statement)
    database.upgrade()
    assert Intake(database).record(instance("1.3"), at(60)) is Recorded.STORED
    with database.read() as session:
        series = {row.series_instance_uid: row.first_arrival for row in session.scalars(select(SeriesRow))}
        back = {one.header.sop_instance_uid: one.header for one in exams.instances(session, STUDY)}
    assert series == {SERIES: at(5), "1.2.3.2": None}
    assert [(one.patient.name, dict(one.facts)) for one in back.values()] == [
        ("Doe^Jane", {"Modality": "MR", "EchoTime": 4.6}),
        ("Doe^Jane", {"Modality": "MR", "EchoTime": 2.3}),
        ("Phantom^Test", {"Modality": "MR"}),
    ]
    database.close()


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
