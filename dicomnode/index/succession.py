"""One more instance of a series whose exam is open: on SQLite one statement does all that `arrival.record` does for it.

A statement costs more on its way to the database than inside it, and with many associations at once the thread that
writes lends the interpreter to the others several times for each. So the connection that writes has a view of its own;
the trigger behind it runs the same statements inside the database.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Column, MetaData, Table, insert, literal_column
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse

from dicomnode.domain.instance import Instance
from dicomnode.index import arrival
from dicomnode.index.driver import Driver, Execute
from dicomnode.index.schema import InstanceRow, PatientRow, StudyRow

_INSTANCE: Any = InstanceRow.__table__
_COLUMNS = (*_INSTANCE.columns, StudyRow.study_instance_uid, PatientRow.patient_id, PatientRow.issuer)
_VIEW = Table("arriving", MetaData(), *(Column(column.name, column.type) for column in _COLUMNS))
_ARRIVES = insert(_VIEW)
_NAMED = {
    "study": "study_instance_uid",
    "series": "series_instance_uid",
    "instance": "sop_instance_uid",
    "at": "arrived",
}
"""Columns of the view that the statements of `arrival` know by another name."""


def _within(statement: ClauseElement) -> str:
    """A statement of `arrival` as the trigger says it: its parameters are columns of the row that arrives."""

    def replaced(element: ExternallyTraversible, **_: Any) -> ExternallyTraversible | None:
        if not isinstance(element, BindParameter) or element.unique:
            return None
        if element.key in arrival.ARRIVING:
            return BindParameter(None, str(arrival.ARRIVING[element.key]), unique=True)
        return literal_column(f"NEW.{_NAMED.get(element.key, element.key)}")

    inner: Any = replacement_traverse(statement, {}, replaced)
    return str(inner.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


_TAKEN = (
    insert(_INSTANCE)
    .values({column.name: literal_column(f"NEW.{column.name}") for column in _INSTANCE.columns})
    .inline()
)

VIEW: Final = (
    f"CREATE TEMP VIEW arriving AS SELECT {', '.join(f'NULL AS {column.name}' for column in _VIEW.columns)}",
    f"CREATE TEMP TRIGGER arrives INSTEAD OF INSERT ON arriving WHEN EXISTS ({_within(arrival.OPEN_EXAM)}) BEGIN "
    + "".join(f"{_within(statement)}; " for statement in (_TAKEN, arrival.SERIES_GROWS, arrival.OPEN_EXAM_GROWS))
    + "END",
)
"""What the driver's connection needs for `take`."""


def take(driver: Driver, execute: Execute, instance: Instance, arrived: datetime) -> bool:
    """Write an instance within a transaction if that is all there is to it; else nothing is written."""
    before, header = driver.changes, instance.header
    row = arrival.values(instance, arrived)
    row |= {"study_instance_uid": header.study_instance_uid, "patient_id": header.patient.patient_id}
    row["issuer"] = header.patient.issuer
    execute(_ARRIVES, row)
    return driver.changes != before
