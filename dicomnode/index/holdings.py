"""Which objects the store should hold, shelf by shelf."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, select

from dicomnode.domain.identity import Digest
from dicomnode.domain.instance import StoredObject
from dicomnode.index.database import Database
from dicomnode.index.schema import InstanceRow, ObjectRow


class Holdings:
    """Instances and results by the key of their file.

    Parameters
    ----------
    database : Database
        Of the index.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def keys(self, shelf: str) -> set[str]:
        """Keys on one shelf that an instance or a result object owns."""
        return {*self.received(shelf), *self.made(shelf)}

    def shelves(self) -> list[str]:
        """Every shelf on which a row has an object."""
        with self._database.read() as session:
            found = {
                shelf
                for row in (InstanceRow, ObjectRow)
                for shelf in session.scalars(select(func.substr(row.store_key, 1, 8)).distinct())
            }
        return sorted(found)

    def received(self, shelf: str) -> Mapping[str, StoredObject]:
        """Instances by key."""
        return self._on(InstanceRow, shelf)

    def made(self, shelf: str) -> Mapping[str, StoredObject]:
        """Results by key."""
        return self._on(ObjectRow, shelf)

    def _on(self, row: type[InstanceRow | ObjectRow], shelf: str) -> Mapping[str, StoredObject]:
        # no LIKE: neither database searches an index by it whatever its collation
        within = row.store_key.between(f"{shelf}/{0:08x}.dcm", f"{shelf}/{'f' * 8}.dcm")
        with self._database.read() as session:
            found = session.execute(select(row.store_key, row.size, row.digest).where(within))
            return {key: StoredObject(key=key, size=size, digest=Digest(digest)) for key, size, digest in found}
