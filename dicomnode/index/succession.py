"""More instances of series whose exams are open: on SQLite one statement does all that `arrival.record` does for them.

A statement costs more on its way to the database than inside it, and with many associations at once the thread that
writes lends the interpreter to the others several times for each. So the connection that writes has a view of its own;
the trigger behind it runs the same statements inside the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final, TypeAlias

from sqlalchemy import BindParameter, insert, literal_column
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.sql.visitors import ExternallyTraversible, replacement_traverse

from dicomnode.dicom.header import EncodedFacts
from dicomnode.domain.instance import Instance
from dicomnode.index import arrival
from dicomnode.index.driver import Driver
from dicomnode.index.schema import InstanceRow, PatientRow

Row: TypeAlias = tuple[Any, ...]
"""What `take` needs of an instance."""

_DIALECT: Any = sqlite.dialect()
_INSTANCE: Any = InstanceRow.__table__
_DECODED = {"patient": "'{}'", "facts": "'{}'", "frames": "'[]'"}
"""Columns that stay empty, because the header is kept as it came."""
_ARRIVING = (
    "sop_instance_uid", "sop_class_uid", "transfer_syntax_uid", "series_instance_uid", "store_key", "size", "digest",
    "header", "calling_aet", "arrived", "study", "patient_id", "issuer",
)  # fmt: skip
_ROW = f"({', '.join('?' * len(_ARRIVING))})"
_NAMED = {"series": "series_instance_uid", "instance": "sop_instance_uid", "at": "arrived"}
"""Columns of the view that the statements of `arrival` know by another name."""
_PATIENT_ID: Any = PatientRow.__table__.columns.patient_id
_moment = _INSTANCE.columns.arrived.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
_prose = _PATIENT_ID.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)


def _within(statement: ClauseElement) -> str:
    """A statement of `arrival` as the trigger says it: its parameters are columns of the row that arrives."""

    def replaced(element: ExternallyTraversible, **_: Any) -> ExternallyTraversible | None:
        if not isinstance(element, BindParameter) or element.unique:
            return None
        if element.key in arrival.ARRIVING:
            return BindParameter(None, str(arrival.ARRIVING[element.key]), unique=True)
        return literal_column(f"NEW.{_NAMED.get(element.key, element.key)}")

    inner: Any = replacement_traverse(statement, {}, replaced)
    return str(inner.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


_TAKEN = (
    insert(_INSTANCE)
    .values({c.name: literal_column(_DECODED.get(c.name, f"NEW.{c.name}")) for c in _INSTANCE.columns})
    .inline()
)

VIEW: Final = (
    f"CREATE TEMP VIEW arriving AS SELECT {', '.join(f'NULL AS {name}' for name in _ARRIVING)}",
    "CREATE TEMP TRIGGER arrives INSTEAD OF INSERT ON arriving BEGIN "
    f"SELECT RAISE(ABORT, 'not just one more') WHERE NOT EXISTS ({_within(arrival.OPEN_EXAM)}); "
    + "".join(f"{_within(statement)}; " for statement in (_TAKEN, arrival.SERIES_GROWS, arrival.OPEN_EXAM_GROWS))
    + "END",
)
"""What the driver's connection needs for `take`."""


def row(instance: Instance, arrived: datetime) -> Row | None:
    """What `take` needs of an instance; None of one that was decoded when it arrived, as multi-frame images are."""
    header, stored = instance.header, instance.stored
    if not isinstance(header.facts, EncodedFacts):
        return None
    return (
        header.sop_instance_uid, header.sop_class_uid, header.transfer_syntax_uid, header.series_instance_uid,
        stored.key, stored.size, stored.digest, header.facts.encoded, instance.calling_aet, _moment(arrived),
        header.study_instance_uid, _prose(header.patient.patient_id), _prose(header.patient.issuer),
    )  # fmt: skip


def take(driver: Driver, rows: Sequence[Row]) -> bool:
    """Write instances, alone or within a transaction, if that is all there is to each of them; else none is written."""
    statement = f"INSERT INTO arriving VALUES {', '.join([_ROW] * len(rows))}"  # noqa: S608 - question marks only
    try:
        driver.run(statement, list(chain.from_iterable(rows)))
    except sqlite3.IntegrityError:
        return False
    return True
