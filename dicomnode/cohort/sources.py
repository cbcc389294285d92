"""Where labelled exams lie: DICOM files below a folder, or a node's own store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicomnode.dicom import header
from dicomnode.domain.identity import AETitle, StudyInstanceUID, digest_of_bytes
from dicomnode.domain.instance import Instance, StoredObject
from dicomnode.errors import ReceiveError, SettingsError
from dicomnode.index import exams, views
from dicomnode.index.database import Database
from dicomnode.store.filesystem import FileStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An exam that is there."""

    study: StudyInstanceUID
    patient_id: str


class Source(Protocol):
    """Where exams lie."""

    def known(self) -> Sequence[Known]:
        """All of them."""
        ...

    def instances(self, study: StudyInstanceUID) -> Sequence[Instance]:
        """The instances of one."""
        ...

    def path(self, instance: Instance) -> Path:
        """The file of an instance."""
        ...


class Folder:
    """Exams in DICOM files below a folder; what is no DICOM image is stepped over."""

    def __init__(self, root: Path) -> None:
        self._files: defaultdict[StudyInstanceUID, list[Path]] = defaultdict(list)
        self._patients: defaultdict[StudyInstanceUID, set[str]] = defaultdict(set)
        self.skipped = 0
        """Files that are no DICOM image."""
        for path in sorted(path for path in root.rglob("*") if path.is_file()):
            try:
                read = header.read_file(path)
            except ReceiveError:
                self.skipped += 1
                continue
            self._files[read.study_instance_uid].append(path)
            self._patients[read.study_instance_uid].add(read.patient.patient_id)
        if torn := sum(len(patients) > 1 for patients in self._patients.values()):
            raise SettingsError(f"{torn} studies in the folder name more than one patient; sort them out first")

    def known(self) -> Sequence[Known]:
        """All of them."""
        return [Known(study=study, patient_id=next(iter(ids))) for study, ids in self._patients.items()]

    def instances(self, study: StudyInstanceUID) -> Sequence[Instance]:
        """The instances of one; a copy of one that is there already is left out.

        Raises
        ------
        SettingsError
            When two files say they are the same instance and differ.
        """
        found: dict[str, Instance] = {}
        for path in self._files[study]:
            data_set, syntax = header.data_set_of(path.read_bytes())
            digest = digest_of_bytes(data_set)
            stored = StoredObject(key=str(path), size=len(data_set), digest=digest)
            one = Instance(header=header.read(data_set, syntax), stored=stored, calling_aet=AETitle("FOLDER"))
            other = found.setdefault(one.header.sop_instance_uid, one)
            if other.stored.digest != digest:
                raise SettingsError(f"{path.name} and {Path(other.stored.key).name} are one instance with two contents")
        return list(found.values())

    def path(self, instance: Instance) -> Path:
        """The file of an instance."""
        return Path(instance.stored.key)


class Store:
    """Exams in a node's own store."""

    def __init__(self, database: Database, store: FileStore) -> None:
        self._database, self._store = database, store

    def known(self) -> Sequence[Known]:
        """All of them."""
        with self._database.read() as session:
            rows = views.studies(session)
        return [Known(study=StudyInstanceUID(r["study_instance_uid"]), patient_id=r["patient_id"]) for r in rows]

    def instances(self, study: StudyInstanceUID) -> Sequence[Instance]:
        """The instances of one."""
        with self._database.read() as session:
            return exams.instances(session, study)

    def path(self, instance: Instance) -> Path:
        """The file of an instance."""
        return self._store.path(instance.stored.key)
