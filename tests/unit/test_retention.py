"""What goes goes whole, once; a crash anywhere in between brings nothing back and loses nothing else."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Recorded
from dicomnode.index import exams, views
from dicomnode.index.intake import Intake
from dicomnode.index.schema import EventRow, LeavingRow, Table
from dicomnode.receive.part10 import FileMeta, head
from dicomnode.receive.recover import recover
from dicomnode.retention import Retention, finish
from dicomnode.settings import RetentionSettings
from dicomnode.store.filesystem import FileStore
from tests.datasets import EXPLICIT_LITTLE, MR_IMAGE, mr
from tests.values import STUDY, at, instance, result
from tests.world import TASK, World, a_world, delivering, reply

DAY = 86400.0
HERE = Path(__file__).parents[2]


@dataclass
class Engine:
    """Says whether work is alive, and remembers what it forgot."""

    ended: bool = True
    forgot: list[str] = field(default_factory=list)

    def forget(self, beginnings: list[str]) -> bool:
        if self.ended:
            self.forgot += beginnings
        return self.ended


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One exam whose only result is at a peer that is not asked for proof."""
    with a_world(tmp_path) as made:
        delivering(made, result("7.1", "SR"))
        made.replies[:] = [reply(0)]
        made.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)
        made.clock[0] = at(40 * DAY)
        yield made


def retention(world: World, engine: Engine | None = None) -> Retention:
    kept = RetentionSettings(exams=30, results=30)
    return Retention(
        settings=world.parts.settings.model_copy(update={"retention": kept}),
        database=world.database,
        store=world.parts.store,
        submitter=engine or Engine(),  # type: ignore[arg-type]
        now=lambda: world.clock[0],
    )


def rows(world: World) -> dict[str, int]:
    """Tables that are not empty."""
    with world.database.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Table.metadata.sorted_tables
        }
    return {name: count for name, count in counts.items() if count}


def test_an_exam_goes_whole_and_one_line_says_so(world: World) -> None:
    cases, other = (world.parts.settings.node.data / "cases" / name for name in (f"{TASK.task_id[:16]}-1", "other-1"))
    cases.mkdir(parents=True)
    other.mkdir()
    engine = Engine()
    assert rows(world)["instance"] == 2
    retention(world, engine).look()
    assert rows(world) == {"event": 1}
    with world.database.read() as session:
        assert session.scalar(select(EventRow.text)) == (
            "went by retention: 1 series, 2 images, 1 results; last image 2026-03-01, everything ended and proven"
        )
    assert list(world.parts.store.keys()) == []
    assert (cases.exists(), other.exists()) == (False, True)
    assert f"execute-{TASK.task_id}" in engine.forgot
    assert "assess-1" in engine.forgot


def test_what_must_stay_stays_to_the_last_row(world: World) -> None:
    before, files = rows(world), set(world.parts.store.keys())
    world.clock[0] = at(29 * DAY)
    retention(world).look()
    world.clock[0] = at(40 * DAY)
    retention(world, Engine(ended=False)).look()
    world.with_peers()  # whom nobody can ask any more
    retention(world).look()
    assert (rows(world), set(world.parts.store.keys())) == (before, files)


def test_another_exam_and_its_patient_stay(world: World) -> None:
    key, _ = world.parts.store.put([b"y"])
    young = instance("2.1", study="1.2.4", series="1.2.4.1")
    Intake(world.database).record(replace(young, stored=replace(young.stored, key=key)), at(39 * DAY))
    retention(world).look()
    left = rows(world)
    assert (left["patient"], left["study"], left["instance"], left["exam"]) == (1, 1, 1, 1)
    assert list(world.parts.store.keys()) == [key]


def test_a_prior_of_another_exam_stays(world: World) -> None:
    Intake(world.database).record(instance("2.1", study="1.2.4", series="1.2.4.1"), at(39 * DAY))
    with world.database.write() as session:
        session.execute(Table.metadata.tables["task"].update().values(study_instance_uid="1.2.4"))
    retention(world).look()
    assert rows(world)["instance"] == 3


def test_an_exam_that_comes_again_is_a_new_exam(world: World) -> None:
    retention(world).look()
    assert Intake(world.database).record(instance("1.1"), at(41 * DAY)) is Recorded.STORED
    with world.database.read() as session:
        (arrivals,) = exams.open_exams(session)
        assert (arrivals.study_instance_uid, arrivals.revision) == (STUDY, 1)
        assert [event["text"][:17] for event in views.events(session, STUDY)] == ["went by retention"]


KILLED = """
import os, signal, sys
from pathlib import Path
from dicomnode.index.database import Database
from dicomnode.retention import Retention
from dicomnode.settings import NodeSettings, PeerSettings, RetentionSettings, Settings
from dicomnode.store.filesystem import FileStore
from tests.unit.test_retention import Engine, at, DAY
folder, left = Path(sys.argv[1]), int(sys.argv[2])
class Dying(FileStore):
    def remove_all(self, keys):
        for key in sorted(keys)[:left]:
            self.remove(key)
        os.kill(os.getpid(), signal.SIGKILL)
settings = Settings(node=NodeSettings(data=folder), retention=RetentionSettings(exams=30, results=30),
                    peers=(PeerSettings(name="pacs", aet="PACS", receives=("SR",)),))
Retention(settings=settings, database=Database("", folder), store=Dying(folder / "store"), submitter=Engine(),
          now=lambda: at(40 * DAY)).look()
"""


def _real_files(world: World) -> None:
    """Give the exam's rows files that recovery would take for images just received."""
    store = world.parts.store
    with world.database.read() as session:
        keys = [entry.stored.key for entry in exams.instances(session, STUDY)]
    for number, key in enumerate(keys):
        meta = FileMeta(
            sop_class_uid=MR_IMAGE,
            sop_instance_uid=f"1.2.3.4.{number}",
            transfer_syntax_uid=EXPLICIT_LITTLE,
            calling_aet=AETitle("SENDER"),
        )
        store.path(key).write_bytes(b"".join((head(meta), mr(f"1.2.3.4.{number}"))))


def _killed(world: World, removed: int) -> None:
    _real_files(world)
    folder = world.parts.settings.node.data
    done = subprocess.run([sys.executable, "-c", KILLED, folder, str(removed)], check=False, cwd=HERE)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("removed", [0, 1, 3])
def test_a_kill_between_rows_and_files_brings_nothing_back(world: World, removed: int) -> None:
    _killed(world, removed)
    assert rows(world) == {"event": 1, "leaving": 3}
    assert len(list(world.parts.store.keys())) == 3 - removed
    finish(world.database, world.parts.store)
    assert _recovered(world) == {"event": 1}
    assert list(world.parts.store.keys()) == []


def test_recovery_alone_would_bring_it_back(world: World) -> None:
    """The order at start matters: this is why what is leaving goes first."""
    _killed(world, 0)
    world.parts.store.shelves.close()
    assert _recovered(world)["instance"] == 2


def test_a_file_that_cannot_be_removed_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: FileStore, keys: list[str]) -> None:
        raise OSError("busy")

    with monkeypatch.context() as patched:
        patched.setattr(FileStore, "remove_all", full)
        with pytest.raises(OSError, match="busy"):
            retention(world).look()
    with world.database.read() as session:
        assert len(session.scalars(select(LeavingRow.store_key)).all()) == 3
    retention(world).look()
    assert (rows(world), list(world.parts.store.keys())) == ({"event": 1}, [])


def _recovered(world: World) -> dict[str, int]:
    folder = world.parts.settings.node.data
    clock: Callable[[], object] = lambda: world.clock[0]  # noqa: E731
    recover(FileStore(world.parts.store.shelves.root), Intake(world.database), FileStore(folder / "quarantine"), clock)  # type: ignore[arg-type]
    return rows(world)
