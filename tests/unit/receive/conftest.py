"""An index in memory that can be told to fail, and two stores on disk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicomnode.domain.identity import AETitle, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import Instance, Recorded, StoredObject
from dicomnode.errors import DuplicateInstance, OtherPatient
from dicomnode.receive.content import digest_of_earlier_releases
from dicomnode.receive.part10 import split
from dicomnode.store.filesystem import FileStore

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class FakeIndex:
    """The index's rules without a database."""

    instances: dict[str, Instance] = field(default_factory=dict)
    refusals: dict[str, tuple[int, int, str, str, str]] = field(default_factory=dict)
    releases: list[tuple[str, frozenset[SeriesInstanceUID], datetime]] = field(default_factory=list)
    failure: Exception | None = None
    quarantine_failure: Exception | None = None
    flush_failure: Exception | None = None
    flushes: int = 0

    def record(self, instance: Instance, arrived: datetime) -> Recorded:
        assert arrived == NOON
        if self.failure is not None:
            raise self.failure
        known = self.instances.get(instance.header.sop_instance_uid)
        if known is not None:
            if known.stored.digest != instance.stored.digest:
                raise DuplicateInstance("SOP Instance UID exists with other content")
            return Recorded.DUPLICATE
        for other in self.instances.values():
            same_study = other.header.study_instance_uid == instance.header.study_instance_uid
            if same_study and other.header.patient != instance.header.patient:
                raise OtherPatient("the study belongs to another patient")
        self.instances[instance.header.sop_instance_uid] = instance
        return Recorded.STORED

    def quarantine(
        self,
        key: str,
        size: int,
        status: int,
        reason: str,
        calling_aet: AETitle,
        sop_instance_uid: str,
        arrived: datetime,
    ) -> None:
        assert arrived == NOON
        if self.quarantine_failure is not None:
            raise self.quarantine_failure
        self.refusals[key] = (size, status, reason, calling_aet, sop_instance_uid)

    def quarantined(self) -> int:
        return sum(size for size, *_ in self.refusals.values())

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID], at: datetime) -> None:
        self.releases.append((calling_aet, series, at))

    def knows(self, study: StudyInstanceUID) -> bool:
        return any(instance.header.study_instance_uid == study for instance in self.instances.values())

    def keys(self, shelf: str = "") -> set[str]:
        return {one.stored.key for one in self.instances.values() if one.stored.key.startswith(shelf)}

    def flush(self) -> None:
        self.flushes += 1
        if self.flush_failure is not None:
            raise self.flush_failure


def as_of_an_earlier_release(index: FakeIndex, store: FileStore) -> StoredObject:
    """The one instance's row gets the digest that an earlier release would have given it."""
    ((uid, instance),) = index.instances.items()
    _, data_set = split(store.path(instance.stored.key).read_bytes())
    stored = replace(instance.stored, digest=digest_of_earlier_releases(data_set))
    index.instances[uid] = replace(instance, stored=stored)
    return stored


@pytest.fixture
def index() -> FakeIndex:
    return FakeIndex()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "objects")


@pytest.fixture
def quarantine(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "quarantine")
