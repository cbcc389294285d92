"""A pipeline and its delivery on a real index, an engine that only remembers, a peer that says what it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from dicomnode.advice import Board
from dicomnode.catalog.plugins import Enabled
from dicomnode.delivery import Delivery, Means
from dicomnode.dimse.normalized import Request
from dicomnode.domain.delivery import Answer, Reference
from dicomnode.domain.exam import PlannedTask
from dicomnode.domain.identity import SOPInstanceUID
from dicomnode.domain.task import ResultObject
from dicomnode.execute.stage import stage
from dicomnode.index import exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.pipeline import Parts, Pipeline
from dicomnode.prefetch import Prefetch, PriorMeans
from dicomnode.settings import CompletenessSettings, NodeSettings, PeerSettings, PluginSettings, Settings
from dicomnode.store.filesystem import FileStore
from tests.plugin_zoo import SPEC
from tests.values import STUDY, assessment, at, instance, planned, stack

PACS = PeerSettings(name="pacs", aet="PACS", receives=("SR",))
TASK = replace(planned("a", stack("1.1", "1.2")), plugin="zoo", version="1")


@dataclass
class Submitted:
    """A submitter that remembers, and says who is alive."""

    calls: list[tuple[str, str, tuple[str | int, ...], float]] = field(default_factory=list)
    living: set[str] = field(default_factory=set)
    partitions: list[str] = field(default_factory=list)

    def submit(
        self,
        session: object,
        workflow: str,
        workflow_id: str,
        *arguments: str | int,
        delay_s: float = 0.0,
        partition: str = "",
    ) -> None:
        self.partitions.append(partition)
        self.calls.append((workflow, workflow_id, arguments, delay_s))

    def alive(self) -> set[str]:
        return self.living


@dataclass
class Workers:
    """Workers that return results, or raise."""

    answer: Any = ()
    threads: int = 1
    left_out: dict[str, str] = field(default_factory=dict)
    """What staging says of segmentations."""

    def run(self, *arguments: object, **_limits: object) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.left_out if stage in arguments else self.answer


def reply(status: int | None, text: str = "said so") -> Answer:
    """What a peer answers to a C-STORE."""
    return Answer(status=status, text=text)


@dataclass
class Peer:
    """A destination that answers what it is told, and remembers what it was asked."""

    replies: list[Answer | Exception] = field(default_factory=list)
    commitment: Exception | None = None
    has: set[str] | Exception = field(default_factory=set)
    sent: list[list[Path]] = field(default_factory=list)
    asked: list[tuple[str, tuple[Reference, ...]]] = field(default_factory=list)
    looked: list[int] = field(default_factory=list)
    report: Callable[[str, Sequence[Reference]], Request] | None = None

    def store(self, _peer: PeerSettings, files: Sequence[Path]) -> Iterator[Answer]:
        self.sent.append(list(files))
        for answer in self.replies:
            if isinstance(answer, Exception):
                raise answer
            yield answer

    def commit(
        self, _: PeerSettings, transaction_uid: str, references: Sequence[Reference], take: Callable[[Request], None]
    ) -> None:
        self.asked.append((transaction_uid, tuple(references)))
        if self.commitment is not None:
            raise self.commitment
        if self.report is not None:
            take(self.report(transaction_uid, references))

    def look_for(self, _: PeerSettings, files: Sequence[Path]) -> Collection[SOPInstanceUID]:
        self.looked.append(len(files))
        if isinstance(self.has, Exception):
            raise self.has
        return frozenset(map(SOPInstanceUID, self.has))


@dataclass
class World:
    database: Database
    parts: Parts
    means: Means
    submitted: Submitted
    workers: Workers
    peer: Peer
    clock: list[datetime]

    @property
    def replies(self) -> list[Answer | Exception]:
        return self.peer.replies

    @property
    def delivery(self) -> Delivery:
        return self.parts.delivery

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(self.parts)

    def series(self) -> tuple[str, str]:
        with self.database.read() as session:
            (series,) = views.series(session, STUDY)
        return series["outcome"], series["reason"]

    def with_peers(self, *peers: PeerSettings) -> None:
        """Configure other peers."""
        settings = self.parts.settings.model_copy(update={"peers": peers})
        delivery = Delivery(replace(self.means, settings=settings))
        self.parts = replace(self.parts, settings=settings, delivery=delivery)

    def at_peer(self) -> dict[str, tuple[str, str]]:
        """State and reason of each object, by UID."""
        with self.database.read() as session:
            return {o["sop_instance_uid"]: (o["state"], o["reason"]) for o in views.objects(session, STUDY)}

    def deliveries(self) -> list[tuple[str, str, int]]:
        with self.database.read() as session:
            return [(o["state"], o["reason"], o["attempts"]) for o in views.objects(session, STUDY)]


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """One exam's worth of a node, at noon."""
    database = Database("", folder)
    database.upgrade()
    submitted, workers, peer, clock, numbers = Submitted(), Workers(), Peer(), [at(0)], count(1)
    settings = Settings(
        node=NodeSettings(data=folder),
        completeness=CompletenessSettings(exam_quiet=15),
        peers=(PACS,),
        plugins={"zoo": PluginSettings()},
    )
    store = FileStore(folder / "store")
    means = Means(
        settings=settings,
        database=database,
        submitter=submitted,  # type: ignore[arg-type]
        path=store.path,
        destination=peer,
        new_uid=lambda: f"2.25.{next(numbers)}",
        now=lambda: clock[0],
    )
    prefetch = Prefetch(
        PriorMeans(
            settings=settings,
            database=database,
            submitter=submitted,  # type: ignore[arg-type]
            archive=None,  # type: ignore[arg-type]
            plugins=(),
            now=lambda: clock[0],
        )
    )
    parts = Parts(
        settings=settings,
        database=database,
        store=store,
        submitter=submitted,  # type: ignore[arg-type]
        plugins={"zoo": Enabled(spec=SPEC, parameters={})},
        node_workers=workers,  # type: ignore[arg-type]
        plugin_workers=workers,  # type: ignore[arg-type]
        delivery=Delivery(means),
        prefetch=prefetch,
        advice=Board(settings.advice, database, (), lambda: clock[0]),
        now=lambda: clock[0],
    )
    yield World(
        database=database, parts=parts, means=means, submitted=submitted, workers=workers, peer=peer, clock=clock
    )
    database.close()


def arrived(world: World) -> int:
    for uid in ("1.1", "1.2"):
        key, size = world.parts.store.put([b"x"])
        entry = instance(uid)
        stored = replace(entry.stored, key=key, size=size)
        Intake(world.database).record(replace(entry, stored=stored), at(0))
    with world.database.read() as session:
        return exams.open_exams(session)[0].exam_id


def queued(world: World, task: PlannedTask = TASK) -> None:
    exam_id = arrived(world)
    with world.database.write() as session:
        exams.write_assessment(session, exam_id, assessment(task), at(1))
        tasks.plan(session, exam_id, [task], at(1))


def delivering(world: World, *results: ResultObject) -> None:
    """Have these results in the outbox."""
    queued(world)
    world.workers.answer = results
    task_id = TASK.task_id
    with world.database.write() as session:
        assert tasks.start(session, task_id, 1, world.clock[0])
        task = tasks.load(session, task_id)
    world.pipeline._finish(task, results)
