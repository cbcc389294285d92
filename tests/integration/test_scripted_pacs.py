"""Every result reaches every destination once, whatever the destination does, and ends proven or as an alarm.

The long form, ``make test-delivery``, does the same with many tasks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset

from dicomnode.deliver.destination import DimseDestination
from dicomnode.deliver.profiles import CLASSES
from dicomnode.delivery import Delivery, Means
from dicomnode.dimse import commitment
from dicomnode.dimse.scp import StorageSCP
from dicomnode.domain.identity import Digest, SeriesInstanceUID, SOPClassUID, SOPInstanceUID, digest_of_bytes
from dicomnode.domain.instance import Received, StoredObject
from dicomnode.domain.task import ResultKind, ResultObject
from dicomnode.engine.runner import Runner, Workflow
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import OutOfResources
from dicomnode.index import commitments, exams, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.settings import DeliverySettings, DicomSettings, PeerSettings, Settings
from dicomnode.store.filesystem import FileStore
from tests.datasets import EXPLICIT_LITTLE
from tests.peers.scripted import Programme, ScriptedPACS
from tests.peers.tools import free_port
from tests.values import STUDY, assessment, instance, planned, stack

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),  # pynetdicom leaves them to the collector
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("collected"),
]

TASKS = int(os.environ.get("DICOMNODE_TASKS", "2"))
PICTURES = 4
RECEIVES: tuple[ResultKind, ...] = ("SEG", "SR", "SC", "PM")
ALL = tuple(uid for kind in RECEIVES for uid in CLASSES[kind])
PICTURES_AND_REPORTS = (*CLASSES["SC"], *CLASSES["SR"])
ENDS = {"proven", "unproven", "parked", "replaced"}

PROGRAMMES = {
    "good": Programme(takes=ALL),
    "down": Programme(takes=ALL, down_for=1.5, commitment="own"),
    "slow": Programme(takes=ALL, slow=0.1),
    "rude": Programme(takes=ALL, aborts=2, commitment="late"),
    "half": Programme(takes=PICTURES_AND_REPORTS, commitment="own"),
    "reset": Programme(takes=ALL, resets_every=4),
    "full": Programme(takes=ALL, full_every=3),
    "never": Programme(takes=ALL, commitment="never"),
    "partial": Programme(takes=ALL, commitment="partial"),
    "forged": Programme(takes=ALL, commitment="forged"),
    "mute": Programme(takes=ALL, commitment="none", answers_queries=False),
    "asked": Programme(takes=ALL, commitment="none"),
}


def made(task: int, kind: ResultKind, number: int) -> ResultObject:
    """A small object of a kind, in a series of its own kind."""
    dataset = Dataset()
    dataset.SOPClassUID = CLASSES[kind][0]
    dataset.SOPInstanceUID = f"2.25.7.{task}.{RECEIVES.index(kind)}.{number}"
    dataset.StudyInstanceUID = STUDY
    dataset.SeriesInstanceUID = f"2.25.8.{task}.{RECEIVES.index(kind)}"
    dataset.PatientID = "P1"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE
    content = BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(dataset.SOPInstanceUID),
        sop_class_uid=SOPClassUID(dataset.SOPClassUID),
        series_instance_uid=SeriesInstanceUID(dataset.SeriesInstanceUID),
        kind=kind,
        description="a result",
        content=content.getvalue(),
    )


@dataclass
class Node:
    """The delivering half of a node, with the real engine."""

    database: Database
    store: FileStore
    delivery: Delivery
    objects: list[ResultObject]

    def queue(self) -> None:
        """Put the results of all tasks into the outbox of every peer."""
        for uid in ("1.1", "1.2"):
            Intake(self.database).record(instance(uid), datetime.now(UTC))
        every = [planned(f"task {n}", stack("1.1", "1.2")) for n in range(TASKS)]
        with self.database.write() as session:
            (arrivals,) = exams.open_exams(session)
            exams.write_assessment(session, arrivals.exam_id, assessment(*every), datetime.now(UTC))
            tasks.plan(session, arrivals.exam_id, every, datetime.now(UTC))
        for number, task in enumerate(every):
            self._finish(number, task.task_id)

    def _finish(self, number: int, task_id: Digest) -> None:
        results = [made(number, kind, n) for kind in RECEIVES for n in range(PICTURES if kind == "SC" else 1)]
        self.objects += results
        stored = []
        for result in results:
            key, size = self.store.put([result.content])
            stored.append((result, StoredObject(key=key, size=size, digest=digest_of_bytes(result.content))))
        routes = [(name, frozenset(RECEIVES)) for name in PROGRAMMES]
        with self.database.write() as session:
            assert tasks.start(session, task_id, 1, datetime.now(UTC))
            peers = tasks.finish(session, task_id, 1, stored, routes, datetime.now(UTC))
            self.delivery.begin(session, task_id, 1, peers or ())

    def states(self, peer: str = "") -> dict[tuple[str, str], str]:
        """State by peer and UID."""
        with self.database.read() as session:
            rows = views.objects(session, STUDY)
        return {(r["peer"], r["sop_instance_uid"]): r["state"] for r in rows if not peer or r["peer"] == peer}


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, dict[str, ScriptedPACS]]]:
    """All programmes at once, run to their end."""
    folder = tmp_path_factory.mktemp("delivery")
    port = free_port()
    with ExitStack() as closing:
        pacs = {
            name: closing.enter_context(ScriptedPACS(name.upper(), port, programme).running())
            for name, programme in PROGRAMMES.items()
        }
        node = _node(folder, port, pacs, closing)
        node.queue()
        deadline = time.monotonic() + 60 + 10 * TASKS
        while not set(node.states().values()) <= ENDS:
            assert time.monotonic() < deadline, {k: v for k, v in node.states().items() if v not in ENDS}
            time.sleep(0.2)
        yield node, pacs


def _node(folder: Path, port: int, pacs: dict[str, ScriptedPACS], closing: ExitStack) -> Node:
    peers = tuple(
        PeerSettings(name=name, aet=one.aet, port=one.port, receives=RECEIVES, commitment=True)
        for name, one in pacs.items()
    )
    policy = DeliverySettings(
        first_retry=0.3, longest_retry=1.0, report_wait=1.0, report_patience=5.0, settle_time=1.0, give_up_after=600.0
    )
    settings = Settings(peers=peers, delivery=policy, dicom=DicomSettings(host="127.0.0.1", port=port))
    database = Database("", folder)
    closing.callback(database.close)
    database.upgrade()
    submitter = Submitter(database.workflow_engine)
    closing.callback(submitter.close)
    store = FileStore(folder / "store")
    delivery = Delivery(
        Means(
            settings=settings,
            database=database,
            submitter=submitter,
            path=store.path,
            destination=DimseDestination(DicomSettings(aet="DICOMNODE"), policy.report_wait),
            new_uid=commitment.new_transaction_uid,
            now=lambda: datetime.now(UTC),
        )
    )
    workflows = {
        "deliver": Workflow(run=delivery.deliver, concurrency=2, partitioned=True),
        "prove": Workflow(run=delivery.prove, concurrency=1, partitioned=True),
    }
    runner = Runner(database.workflow_engine, "node-1", workflows)
    runner.start()
    closing.callback(lambda: runner.stop(10))

    def admit(_: Received) -> SeriesInstanceUID:
        raise OutOfResources("nothing is taken here")

    service = commitment.service({peer.aet for peer in peers}, delivery.reported)
    scp = StorageSCP(settings.dicom, (), admit, lambda *_: None, services=[service])
    scp.start()
    closing.callback(scp.stop)
    return Node(database=database, store=store, delivery=delivery, objects=[])


Delivered = tuple[Node, dict[str, ScriptedPACS]]


@pytest.mark.parametrize("name", PROGRAMMES)
def test_every_object_is_there_with_its_bytes_or_its_absence_is_stated(delivered: Delivered, name: str) -> None:
    node, pacs = delivered
    states = {uid: state for (_, uid), state in node.states(name).items()}
    assert set(states) == {one.sop_instance_uid for one in node.objects}
    replaced = {uid for uid, state in states.items() if state == "replaced"}
    assert set(pacs[name].kept) == states.keys() - replaced, "each once, by its UID"
    assert all(len(versions) == 1 for versions in pacs[name].bytes_of.values()), "sent again, it is the same"


@pytest.mark.parametrize("name", PROGRAMMES)
def test_the_end_is_proof_where_there_is_any(delivered: Delivered, name: str) -> None:
    node, _ = delivered
    expected = {"half": {"proven", "replaced"}, "mute": {"unproven"}}
    assert set(node.states(name).values()) == expected.get(name, {"proven"})


def test_what_is_refused_is_replaced_only_where_it_is(delivered: Delivered) -> None:
    node, _ = delivered
    refused = {one.sop_instance_uid for one in node.objects if one.kind in ("SEG", "PM")}
    assert {uid for (_, uid), state in node.states("half").items() if state == "replaced"} == refused


def test_forged_reports_are_refused_and_counted(delivered: Delivered) -> None:
    node, pacs = delivered
    assert set(pacs["forged"].forgeries) == {0x0115}
    with node.database.read() as session:
        assert commitments.refusals(session) == {"FORGED": len(pacs["forged"].forgeries)}


def test_nothing_of_ours_was_deleted(delivered: Delivered) -> None:
    node, _ = delivered
    assert len(list(node.store.keys())) == len(node.objects)


def test_the_faults_took_place(delivered: Delivered) -> None:
    _, pacs = delivered
    count = len(next(iter(pacs.values())).kept)
    assert pacs["reset"].received.total() >= count
    assert pacs["full"].received.total() > count
    assert pacs["partial"].received.total() > count
    assert pacs["good"].received.total() == count
