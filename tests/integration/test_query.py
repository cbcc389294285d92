"""What we ask and fetch: of a real Orthanc, and of providers that misbehave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt

from dicomnode.dicom.header import data_set_of
from dicomnode.dimse.query import _FIND, _GET, _MOVE, Limits, find, get, move
from dicomnode.dimse.scp import StorageSCP
from dicomnode.dimse.scu import outgoing, send
from dicomnode.dimse.storing import Answer
from dicomnode.domain.identity import SeriesInstanceUID, SOPClassUID
from dicomnode.domain.instance import Received
from dicomnode.errors import LimitExceeded, Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders
from tests.datasets import MR_IMAGE
from tests.peers.orthanc import Orthanc

US = DicomSettings(aet="DICOMNODE")
MR = (SOPClassUID(MR_IMAGE),)
LIMITS = Limits(number=100, seconds=20)


@dataclass
class Shelf:
    """Keeps what comes."""

    data_sets: dict[str, bytes] = field(default_factory=dict)
    callers: set[str] = field(default_factory=set)
    status: int = 0

    def admit(self, received: Received) -> SeriesInstanceUID:
        self.data_sets[received.sop_instance_uid] = b"".join(bytes(part) for part in received.data_set)
        self.callers.add(received.calling_aet)
        return SeriesInstanceUID("1.2")

    def take(self, received: Received) -> Answer:
        if not self.status:
            self.admit(received)
        return Answer(status=self.status, comment="no room" if self.status else "")


@pytest.fixture
def archive(orthanc: Orthanc, tmp_path: Path) -> tuple[PeerSettings, tuple[Path, ...]]:
    """An Orthanc that holds one series of six images."""
    peer = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port)
    images = builders.mr_series(tmp_path / "series", geometry=builders.grid((6, 16, 16)))
    assert [sent.status for sent in send(peer, US, [outgoing(image) for image in images])] == [0] * 6
    return peer, images


def test_orthanc_is_asked_on_every_level(archive: tuple[PeerSettings, tuple[Path, ...]]) -> None:
    peer, images = archive
    image = dcmread(images[0])
    (study,) = find(
        peer,
        US,
        "STUDY",
        {"PatientID": image.PatientID, "StudyInstanceUID": "", "NumberOfStudyRelatedInstances": ""},
        LIMITS,
    )
    assert study["StudyInstanceUID"] == image.StudyInstanceUID
    assert study["NumberOfStudyRelatedInstances"] == "6"
    place = {"StudyInstanceUID": image.StudyInstanceUID, "SeriesInstanceUID": ""}
    (series,) = find(peer, US, "SERIES", {**place, "Modality": ""}, LIMITS)
    assert (series["SeriesInstanceUID"], series["Modality"]) == (image.SeriesInstanceUID, "MR")
    place["SeriesInstanceUID"] = image.SeriesInstanceUID
    found = {match["SOPInstanceUID"] for match in find(peer, US, "IMAGE", {**place, "SOPInstanceUID": ""}, LIMITS)}
    assert found == {dcmread(path).SOPInstanceUID for path in images}
    (patient,) = find(peer, US, "PATIENT", {"PatientID": image.PatientID}, LIMITS, root="PATIENT")
    assert patient["PatientID"] == image.PatientID
    assert list(find(peer, US, "STUDY", {"PatientID": "NOBODY"}, LIMITS)) == []


def test_more_matches_than_the_limit_are_an_error_and_never_a_short_list(
    archive: tuple[PeerSettings, tuple[Path, ...]],
) -> None:
    peer, images = archive
    image = dcmread(images[0])
    keys = {name: getattr(image, name) for name in ("StudyInstanceUID", "SeriesInstanceUID")} | {"SOPInstanceUID": ""}
    matches = find(peer, US, "IMAGE", keys, Limits(number=4, seconds=20))
    assert len([next(matches) for _ in range(4)]) == 4
    with pytest.raises(LimitExceeded, match="pacs has more than 4 matches"):
        next(matches)


def test_orthanc_gives_what_we_get_byte_for_byte(archive: tuple[PeerSettings, tuple[Path, ...]]) -> None:
    peer, images = archive
    image, shelf = dcmread(images[0]), Shelf()
    told = get(peer, US, "STUDY", {"StudyInstanceUID": image.StudyInstanceUID}, MR, shelf.take, LIMITS)
    assert (told.completed, told.failed, told.warned) == (6, 0, 0)
    assert shelf.data_sets == {dcmread(path).SOPInstanceUID: data_set_of(path.read_bytes())[0] for path in images}
    assert shelf.callers == {"ORTHANC"}
    some, wanted = Shelf(), [dcmread(path).SOPInstanceUID for path in images[:2]]
    keys = {
        "StudyInstanceUID": image.StudyInstanceUID,
        "SeriesInstanceUID": image.SeriesInstanceUID,
        "SOPInstanceUID": wanted,
    }
    assert get(peer, US, "IMAGE", keys, MR, some.take, LIMITS).completed == 2
    assert sorted(some.data_sets) == sorted(wanted)


def test_what_we_refuse_is_told_as_failed(archive: tuple[PeerSettings, tuple[Path, ...]]) -> None:
    peer, images = archive
    shelf = Shelf(status=0xA700)
    study = {"StudyInstanceUID": dcmread(images[0]).StudyInstanceUID}
    try:
        told = get(peer, US, "STUDY", study, MR, shelf.take, LIMITS)
    except Refused:  # some call it partial, some a failure
        return
    assert told.completed == 0


@pytest.mark.parametrize(
    ("limits", "words"),
    [(Limits(number=3, seconds=20), "3 instances"), (Limits(number=100, seconds=20, bytes=4000), "4000 bytes")],
)
def test_a_get_ends_at_its_limit(archive: tuple[PeerSettings, tuple[Path, ...]], limits: Limits, words: str) -> None:
    peer, images = archive
    shelf = Shelf()
    study = {"StudyInstanceUID": dcmread(images[0]).StudyInstanceUID}
    with pytest.raises(LimitExceeded, match=f"pacs sends more than {words}"):
        get(peer, US, "STUDY", study, MR, shelf.take, limits)
    assert len(shelf.data_sets) <= 3


def test_orthanc_moves_what_we_ask_for_to_our_own_receiver(
    archive: tuple[PeerSettings, tuple[Path, ...]], orthanc: Orthanc
) -> None:
    peer, images = archive
    shelf = Shelf()
    study = {"StudyInstanceUID": dcmread(images[0]).StudyInstanceUID}
    settings = DicomSettings(aet=US.aet, host="127.0.0.1", port=0)
    scp = StorageSCP(settings, [peer.model_copy(update={"may_store": True})], shelf.admit, lambda *_: None)
    scp.start()
    try:
        orthanc.introduce(US.aet, scp.port)
        assert move(peer, US, "STUDY", study, LIMITS).completed == 6
        with pytest.raises(LimitExceeded, match="pacs sends more than 5 instances"):
            move(peer, US, "STUDY", study, Limits(number=5, seconds=20))
        with pytest.raises(LimitExceeded, match="pacs sends more than 1000 bytes"):
            move(peer, US, "STUDY", study, Limits(number=9, seconds=20, bytes=1000), arrived=lambda: 1001)
    finally:
        scp.stop()
    assert shelf.data_sets == {dcmread(path).SOPInstanceUID: data_set_of(path.read_bytes())[0] for path in images}


def test_a_move_to_a_title_the_peer_does_not_know_is_an_error(
    archive: tuple[PeerSettings, tuple[Path, ...]],
) -> None:
    peer, images = archive
    study = {"StudyInstanceUID": dcmread(images[0]).StudyInstanceUID}
    with pytest.raises(Unreachable, match="without a final answer to C-MOVE"):  # Orthanc has no other words for it
        move(peer, DicomSettings(aet="STRANGER"), "STUDY", study, LIMITS)


Serve = Callable[..., PeerSettings]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start providers that answer as they are told."""
    running: list[AE] = []

    def start(event: evt.InterventionEvent, handler: Callable[[evt.Event], object]) -> PeerSettings:
        ae = AE("ODD")
        for model in (_FIND, _GET, _MOVE):
            ae.add_supported_context(model["STUDY"])
        ae.add_supported_context(MR_IMAGE, ExplicitVRLittleEndian, scu_role=True, scp_role=True)
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(event, handler)])
        running.append(ae)
        return PeerSettings(name="odd", aet="ODD", port=server.server_address[1])

    yield start
    for ae in running:
        ae.shutdown()


def an_answer() -> Dataset:
    answer = Dataset()
    answer.QueryRetrieveLevel, answer.StudyInstanceUID = "STUDY", "1.2.3"
    return answer


def test_a_provider_that_fails_is_refused_by_name(serve: Serve) -> None:
    def fails(_: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, an_answer()
        yield 0xC001, None

    matches = find(serve(evt.EVT_C_FIND, fails), US, "STUDY", {"StudyInstanceUID": ""}, LIMITS)
    assert next(matches)["StudyInstanceUID"] == "1.2.3"
    with pytest.raises(Refused, match="C-FIND was answered with Failure C001"):
        next(matches)


def test_a_provider_that_falls_silent_costs_no_more_than_its_time(serve: Serve) -> None:
    enough = threading.Event()

    def silent(_: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, an_answer()
        enough.wait(20)
        yield 0x0000, None

    begun = time.monotonic()
    with pytest.raises(LimitExceeded, match=r"C-FIND took longer than 0\.5 s"):
        list(find(serve(evt.EVT_C_FIND, silent), US, "STUDY", {"StudyInstanceUID": ""}, Limits(number=9, seconds=0.5)))
    enough.set()
    assert time.monotonic() - begun < 10


def test_a_provider_that_never_ends_is_told_to_stop(serve: Serve) -> None:
    told = threading.Event()

    def endless(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        while not event.is_cancelled:
            yield 0xFF00, an_answer()
            time.sleep(0.001)  # pynetdicom's reactor reads only when it has nothing to send
        told.set()
        yield 0xFE00, None

    matches = find(serve(evt.EVT_C_FIND, endless), US, "STUDY", {"StudyInstanceUID": ""}, Limits(number=5, seconds=20))
    with pytest.raises(LimitExceeded, match="more than 5 matches"):
        list(matches)
    assert told.wait(10)


def test_a_provider_that_aborts_has_not_said_everything(serve: Serve) -> None:
    def aborts(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, an_answer()
        event.assoc.abort()

    with pytest.raises(Unreachable, match="without a final answer to C-FIND"):
        list(find(serve(evt.EVT_C_FIND, aborts), US, "STUDY", {"StudyInstanceUID": ""}, LIMITS))
