"""Real senders against the receiver: DCMTK brings everything an MR PACS may, and some things nobody should."""

from __future__ import annotations

import hashlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Literal

import pytest
from pydicom import dcmread
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification
from sqlalchemy import select, update

from dicomnode.dicom.header import data_set_of
from dicomnode.dimse.association import opened
from dicomnode.dimse.scp import StorageSCP
from dicomnode.dimse.scu import echo, outgoing, send
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import SettingsError, Unreachable
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.index.schema import ExamRow, InstanceRow, QuarantineRow
from dicomnode.receive.admit import Admission
from dicomnode.receive.part10 import FileMeta, head
from dicomnode.settings import DicomSettings, PeerSettings
from dicomnode.store.filesystem import FileStore
from tests import builders
from tests.datasets import EXPLICIT_LITTLE, MR_IMAGE, mr

FAST = {"TCP_NODELAY": "1", "PATH": "/usr/bin:/bin"}  # DCMTK leaves Nagle's algorithm on unless told
OFFER = {
    "1.2.840.10008.1.2": "-xi",
    "1.2.840.10008.1.2.1": "-xe",
    "1.2.840.10008.1.2.2": "-xb",
    "1.2.840.10008.1.2.1.99": "-xd",
    "1.2.840.10008.1.2.4.70": "-xs",
    "1.2.840.10008.1.2.4.80": "-xt",
    "1.2.840.10008.1.2.4.90": "-xv",
    "1.2.840.10008.1.2.5": "-xr",
}
CUT = "emri_small_jpeg_2k_lossless_too_short.dcm"


@dataclass
class Node:
    """A fresh store and index behind the one receiver that listens for all tests."""

    scp: StorageSCP
    admission: Admission
    store: FileStore
    quarantine: FileStore
    database: Database
    releases: list[tuple[AETitle, frozenset[SeriesInstanceUID]]] = field(default_factory=list)

    def received(self) -> dict[str, bytes]:
        """The data sets in the store by SOP Instance UID."""
        with self.database.read() as session:
            rows = session.scalars(select(InstanceRow))
            return {row.sop_instance_uid: data_set_of(self.bytes_of(row))[0] for row in rows}

    def bytes_of(self, row: InstanceRow) -> bytes:
        return self.store.path(row.store_key).read_bytes()

    def quarantined(self) -> list[tuple[int, str]]:
        """Status and sender of what was refused and kept; each has its bytes."""
        with self.database.read() as session:
            rows = list(session.scalars(select(QuarantineRow)))
            assert {row.store_key for row in rows} == set(self.quarantine.keys())
            return [(row.status, row.calling_aet) for row in rows]


@dataclass
class Door:
    """Lets one listening receiver serve many tests."""

    node: Node | None = None

    def admit(self, received: Received) -> SeriesInstanceUID:
        assert self.node is not None
        return self.node.admission.admit(received)

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        assert self.node is not None
        self.node.admission.released(calling_aet, series)
        self.node.releases.append((calling_aet, series))


@pytest.fixture(scope="module")
def door() -> Door:
    return Door()


@pytest.fixture(scope="module", params=["event", "stock"])
def transport(request: pytest.FixtureRequest) -> str:
    """Both keep the same promises."""
    return str(request.param)


@pytest.fixture(scope="module")
def scp(door: Door, transport: Literal["event", "stock"]) -> Iterator[StorageSCP]:
    peers = [
        PeerSettings(name="scanner", aet="SCANNER", may_store=True),
        PeerSettings(name="viewer", aet="VIEWER", may_store=False),
    ]
    listening = DicomSettings(host="127.0.0.1", port=0, transport=transport)
    running = StorageSCP(listening, peers, door.admit, door.released)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def node(scp: StorageSCP, door: Door, tmp_path: Path) -> Iterator[Node]:
    database = Database("", tmp_path)
    database.upgrade()
    store, quarantine = FileStore(tmp_path / "objects"), FileStore(tmp_path / "quarantine")
    admission = Admission(store, Intake(database), quarantine, lambda: datetime.now(UTC))
    door.node = Node(scp, admission, store, quarantine, database)
    yield door.node
    database.close()


Store = Callable[..., list[str]]


@pytest.fixture
def storescu(require_tool: Callable[[str], Path], node: Node) -> Store:
    """Send files with DCMTK's storescu and return the statuses answered, as it understood them."""
    tool = require_tool("storescu")

    def send(*files: Path, offer: str = "-xe", extra: tuple[str, ...] = ()) -> list[str]:
        options = ["-d", offer, "-nh", *extra, "-aet", "SCANNER", "-aec", "DICOMNODE"]
        command = [tool, *options, "127.0.0.1", str(node.scp.port), *files]
        done = subprocess.run(command, capture_output=True, text=True, env=FAST, timeout=60, check=False)
        answers = re.findall(r"^D: DIMSE Status +: 0x([0-9a-f]{4})", done.stdout + done.stderr, re.MULTILINE)
        rejected = re.findall(r"^F: (Result: .*|Reason: .*)$", done.stdout + done.stderr, re.MULTILINE)
        return answers or rejected

    return send


def part10(path: Path, data_set: bytes, instance: str) -> Path:
    """A file around a data set, whatever that is."""
    meta = FileMeta(
        sop_class_uid=MR_IMAGE,
        sop_instance_uid=instance,
        transfer_syntax_uid=EXPLICIT_LITTLE,
        calling_aet=AETitle("TEST"),
    )
    path.write_bytes(head(meta) + data_set)
    return path


def as_they_are(node: Node, *files: Path) -> list[str]:
    """Send files byte for byte with our own user side, which DCMTK cannot: it writes every data set anew."""
    peer = PeerSettings(name="node", aet="DICOMNODE", port=node.scp.port)
    answers = send(peer, DicomSettings(aet="SCANNER"), [outgoing(file) for file in files], timeout=30.0)
    return [f"{answer.status:04x}" for answer in answers if answer.status is not None]


def syntax_files(test_data: Path) -> list[Path]:
    return sorted(path for path in (test_data / "mr-transfer-syntaxes").rglob("*.dcm") if path.name != CUT)


def test_every_transfer_syntax_arrives_byte_for_byte(node: Node, test_data: Path) -> None:
    files = syntax_files(test_data)
    for file in files:
        content, syntax = data_set_of(file.read_bytes())
        with node.database.write() as session:
            known = session.scalars(select(InstanceRow.sop_instance_uid)).all()
        if outgoing(file).sop_instance_uid in known:
            continue  # the same image in another encoding: its own test below
        assert as_they_are(node, file) == ["0000"]
        assert node.received()[outgoing(file).sop_instance_uid] == content, (file.name, syntax)


@pytest.mark.parametrize("syntax", OFFER)
def test_dcmtk_brings_every_transfer_syntax(node: Node, storescu: Store, test_data: Path, syntax: str) -> None:
    file = next(path for path in syntax_files(test_data) if outgoing(path).transfer_syntax_uid == syntax)
    assert storescu(file, offer=OFFER[syntax]) == ["0000"]
    (key,) = node.store.keys()
    sent, stored = dcmread(file), dcmread(node.store.path(key))
    assert stored.file_meta.TransferSyntaxUID == syntax
    assert stored.file_meta.SourceApplicationEntityTitle == "SCANNER"
    assert stored.PixelData == sent.PixelData
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns"):
        assert stored.get(keyword) == sent.get(keyword)


def test_a_series_by_dcmsend_ends_with_a_release_that_names_its_series(
    node: Node, test_data: Path, require_tool: Callable[[str], Path]
) -> None:
    files = sorted((test_data / "liver-dual-echo-chaos1" / "inphase").iterdir())[:5]
    command = [require_tool("dcmsend"), "-aet", "SCANNER", "-aec", "DICOMNODE", "127.0.0.1", str(node.scp.port), *files]
    subprocess.run(command, env=FAST, timeout=60, check=True)
    first = dcmread(files[0], stop_before_pixels=True)
    assert set(node.received()) == {dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in files}
    eventually(lambda: node.releases == [(AETitle("SCANNER"), frozenset({SeriesInstanceUID(first.SeriesInstanceUID)}))])
    with node.database.read() as session:
        (exam,) = session.scalars(select(ExamRow))
        assert exam.study_instance_uid == first.StudyInstanceUID
        assert exam.last_release is not None


def test_an_aborted_association_is_no_release(node: Node, storescu: Store, tmp_path: Path) -> None:
    file = builders.mr_series(tmp_path / "series", geometry=builders.grid((1, 8, 8)))[0]
    assert storescu(file, extra=("--abort",)) == ["0000"]
    assert storescu(builders.mr_series(tmp_path / "b", geometry=builders.grid((1, 8, 8)), study="b")[0]) == ["0000"]
    eventually(lambda: len(node.releases) == 1)
    series = SeriesInstanceUID(builders.uid("series", "b", "in-phase"))
    assert node.releases == [(AETitle("SCANNER"), frozenset({series}))]


@pytest.mark.parametrize(
    ("calling", "called", "reason"),
    [
        ("SCANNER", "DICOMNODE", ""),
        ("STRANGER", "DICOMNODE", "Calling AE Title Not Recognized"),
        ("VIEWER", "DICOMNODE", "Calling AE Title Not Recognized"),
        ("scanner", "DICOMNODE", "Calling AE Title Not Recognized"),
        ("SCANNER", "SOMEONE", "Called AE Title Not Recognized"),
    ],
)
def test_only_peers_that_may_store_and_know_our_name_are_heard(
    node: Node,
    require_tool: Callable[[str], Path],
    caplog: pytest.LogCaptureFixture,
    calling: str,
    called: str,
    reason: str,
) -> None:
    command = [require_tool("echoscu"), "-aet", calling, "-aec", called, "127.0.0.1", str(node.scp.port)]
    done = subprocess.run(command, capture_output=True, text=True, env=FAST, timeout=60, check=False)
    assert (done.returncode == 0) == (reason == "")
    assert reason in done.stdout + done.stderr
    if reason:
        assert "Rejected Permanent, Source: Service User" in done.stdout + done.stderr
        eventually(lambda: "association from 127.0.0.1 rejected" in caplog.text)
        assert calling not in caplog.text


def test_without_any_peer_nobody_is_heard(transport: Literal["event", "stock"]) -> None:
    door = Door()
    listening = DicomSettings(host="127.0.0.1", port=0, transport=transport)
    scp = StorageSCP(listening, [], door.admit, door.released)
    scp.start()
    try:
        with pytest.raises(Unreachable, match="rejected"):
            echo(PeerSettings(name="node", aet="DICOMNODE", port=scp.port), DicomSettings(aet="ANYBODY"))
    finally:
        scp.stop()


def test_a_rejection_that_comes_at_once_is_heard(node: Node) -> None:
    peer = PeerSettings(name="node", aet="DICOMNODE", port=node.scp.port)
    look_late = (evt.EVT_REQUESTED, lambda _: time.sleep(0.3))
    with (
        pytest.raises(Unreachable, match="Calling AE title not recognised"),
        opened(peer, DicomSettings(aet="ANYBODY"), [build_context(Verification)], 10, handlers=[look_late]),
    ):
        pytest.fail("nobody knows ANYBODY")


def test_an_address_that_is_taken_is_said_to_be(node: Node, transport: Literal["event", "stock"]) -> None:
    door = Door()
    taken = DicomSettings(host="127.0.0.1", port=node.scp.port, transport=transport)
    with pytest.raises(SettingsError, match=r"dicom\.port: cannot listen on 127\.0\.0\.1:\d+: Address already in use"):
        StorageSCP(taken, [], door.admit, door.released).start()


def test_a_release_that_cannot_be_noted_is_said_to_be(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: AETitle, __: frozenset[SeriesInstanceUID]) -> None:
        raise ValueError("the database is away")

    monkeypatch.setattr(node.admission, "released", broken)
    assert as_they_are(node, part10(tmp_path / "file", mr(), "1.2.3.4")) == ["0000"]
    eventually(lambda: "a release was not noted, quiet time must do: ValueError" in caplog.text)


def test_a_repetition_is_a_success_and_stored_once(node: Node, storescu: Store, tmp_path: Path) -> None:
    file = builders.mr_series(tmp_path / "series", geometry=builders.grid((1, 8, 8)))[0]
    assert storescu(file, file) == ["0000", "0000"]
    assert storescu(file) == ["0000"]
    assert len(list(node.store.keys())) == 1
    assert node.quarantined() == []


def test_a_row_of_an_earlier_release_knows_a_repetition_from_other_pixels(node: Node, tmp_path: Path) -> None:
    grid = builders.grid((1, 8, 8))
    first = builders.mr_series(tmp_path / "a", geometry=grid)[0]
    other = builders.mr_series(tmp_path / "b", geometry=grid, array=builders.pixels((1, 8, 8), seed=9))[0]
    assert as_they_are(node, first) == ["0000"]
    before = node.received()
    (content,) = before.values()
    earlier = hashlib.sha256(content).hexdigest()
    with node.database.write() as session:
        session.execute(update(InstanceRow).values(digest=earlier))
    assert as_they_are(node, first, other) == ["0000", "0111"]
    assert node.received() == before
    assert len(list(node.store.keys())) == 1
    assert node.quarantined() == [(0x0111, "SCANNER")]
    with node.database.read() as session:
        assert session.scalars(select(InstanceRow.digest)).all() == [earlier]


def test_other_pixels_under_the_same_uid_are_refused(node: Node, storescu: Store, tmp_path: Path) -> None:
    grid = builders.grid((1, 8, 8))
    first = builders.mr_series(tmp_path / "a", geometry=grid)[0]
    second = builders.mr_series(tmp_path / "b", geometry=grid, array=builders.pixels((1, 8, 8), seed=9))[0]
    assert storescu(first) == ["0000"]
    before = node.received()
    assert storescu(second) == ["0111"]
    assert node.received() == before
    assert node.quarantined() == [(0x0111, "SCANNER")]


def test_another_patient_in_a_known_study_is_refused(node: Node, storescu: Store, tmp_path: Path) -> None:
    grid = builders.grid((1, 8, 8))
    first = builders.mr_series(tmp_path / "a", geometry=grid, series="a", patient="P1")[0]
    second = builders.mr_series(tmp_path / "b", geometry=grid, series="b", patient="P2")[0]
    assert storescu(first) == ["0000"]
    assert storescu(second) == ["c020"]
    assert len(node.received()) == 1
    assert node.quarantined() == [(0xC020, "SCANNER")]


def test_truncated_files_are_refused_and_kept_aside(node: Node, test_data: Path, tmp_path: Path) -> None:
    # pydicom reads the first of them as an empty data set, without a word
    cut_in_a_fragment = test_data / "mr-transfer-syntaxes" / "pydicom-enhanced-mr-small" / CUT
    cut_in_pixels = part10(tmp_path / "cut.dcm", mr("1.2.3.4")[:-2], "1.2.3.4")
    assert as_they_are(node, cut_in_a_fragment, cut_in_pixels) == ["c000", "c000"]
    assert list(node.store.keys()) == []
    assert node.quarantined() == [(0xC000, "SCANNER")] * 2


@pytest.mark.parametrize(
    ("data_set", "instance", "status"),
    [
        (mr("1.2.3.5"), "1.2.3.4", 0xA900),
        (mr(study="../../tmp/x"), "1.2.3.4", 0xC010),
        (mr(series=""), "1.2.3.4", 0xC010),
        (mr("../../tmp/x"), "../../tmp/x", 0x0117),
        (bytes(5000), "1.2.3.4", 0xC000),
    ],
)
def test_dishonest_instances_get_their_status(
    node: Node, tmp_path: Path, data_set: bytes, instance: str, status: int
) -> None:
    assert as_they_are(node, part10(tmp_path / "file", data_set, instance)) == [f"{status:04x}"]
    assert list(node.store.keys()) == []
    assert node.quarantined() == [(status, "SCANNER")]


def test_a_request_without_instance_uid_is_aborted_not_ignored(node: Node) -> None:
    ae = AE("SCANNER")
    association = ae.associate("127.0.0.1", node.scp.port, [build_context(MR_IMAGE)], ae_title="DICOMNODE")
    request = C_STORE()
    request.MessageID, request.AffectedSOPClassUID = 1, MR_IMAGE
    request.DataSet = BytesIO(mr())
    association.dimse.send_msg(request, 1)
    eventually(lambda: association.is_aborted)
    assert list(node.store.keys()) == []


def test_the_sender_reads_why(node: Node, tmp_path: Path) -> None:
    file = outgoing(part10(tmp_path / "file", mr("1.2.3.5"), "1.2.3.4"))
    peer = PeerSettings(name="node", aet="DICOMNODE", port=node.scp.port)
    (answer,) = send(peer, DicomSettings(aet="SCANNER"), [file])
    assert answer.text == "Failure A900: SOP Instance UID of data set and command differ"


def test_an_unforeseen_fault_is_out_of_resources_and_its_text_stays_out_of_the_log(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Received) -> SeriesInstanceUID:
        raise ValueError("^".join(("Doe", "Jane")))  # a traceback quotes its source: the name must not stand in it

    monkeypatch.setattr(node.admission, "admit", broken)
    assert as_they_are(node, part10(tmp_path / "file", mr(), "1.2.3.4")) == ["a700"]
    assert "C-STORE failed unforeseen: ValueError" in caplog.text
    assert "Doe^Jane" not in caplog.text


def eventually(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """The answer to a release leaves before the release is noted: wait for the note."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
