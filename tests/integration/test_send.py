"""Our user side against real providers: DCMTK's storescp, our own, and peers that misbehave."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt

from dicomnode.deliver.destination import UNREADABLE, DimseDestination
from dicomnode.dicom.header import data_set_of
from dicomnode.dimse.probe import probe
from dicomnode.dimse.scu import echo, outgoing, send
from dicomnode.errors import Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders
from tests.datasets import CT_IMAGE, MR_IMAGE, RLE, SECONDARY_CAPTURE
from tests.unit.dicom.test_recoding import written

US = DicomSettings(aet="DICOMNODE")


@dataclass
class Archive:
    """A provider that keeps what it gets and answers what it is told."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    data_sets: list[tuple[str, bytes]] = field(default_factory=list)
    associations: int = 0
    abort_at: int = 0

    def peer(self, aet: str = "ARCHIVE") -> PeerSettings:
        return PeerSettings(name="archive", aet=aet, port=self.port)

    def store(self, event: evt.Event) -> int:
        self.data_sets.append((str(event.context.transfer_syntax), event.request.DataSet.getvalue()))
        if len(self.data_sets) == self.abort_at:
            event.assoc.abort()
        return self.answers.pop(0) if self.answers else 0

    def accepted(self, _: evt.Event) -> None:
        self.associations += 1


Serve = Callable[..., Archive]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start providers; each takes the SOP classes and transfer syntaxes it is told."""
    running: list[AE] = []

    def start(*contexts: tuple[str, str], answers: tuple[int, ...] = (), abort_at: int = 0, echo: int = 0) -> Archive:
        archive = Archive(answers=list(answers), abort_at=abort_at)
        ae = AE("ARCHIVE")
        ae.require_called_aet = True
        for uid, syntax in contexts:
            ae.add_supported_context(uid, syntax)
        handlers = [(evt.EVT_C_STORE, archive.store), (evt.EVT_ACCEPTED, archive.accepted)]
        handlers.append((evt.EVT_C_ECHO, lambda _: echo))
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        archive.port = server.server_address[1]
        running.append(ae)
        return archive

    yield start
    for ae in running:
        ae.shutdown()


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, ...]:
    return builders.mr_series(tmp_path / "series", geometry=builders.grid((3, 8, 8)))


def test_files_arrive_byte_for_byte_over_one_association(serve: Serve, images: tuple[Path, ...]) -> None:
    archive = serve((MR_IMAGE, ExplicitVRLittleEndian))
    sent = list(send(archive.peer(), US, [outgoing(image) for image in images]))
    assert [(one.outgoing.path, one.status, one.text) for one in sent] == [(i, 0, "Success 0000") for i in images]
    assert [content for _, content in archive.data_sets] == [data_set_of(i.read_bytes())[0] for i in images]
    assert archive.associations == 1


def test_a_peer_that_knows_implicit_only_gets_the_same_image_in_it(serve: Serve, images: tuple[Path, ...]) -> None:
    archive = serve((MR_IMAGE, ImplicitVRLittleEndian))
    (sent,) = send(archive.peer(), US, [outgoing(images[0])])
    assert sent.status == 0
    ((syntax, content),) = archive.data_sets
    assert syntax == ImplicitVRLittleEndian
    explicit = dcmread(images[0])
    assert explicit.PixelData in content
    assert content != data_set_of(images[0].read_bytes())[0]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_text_leaves_in_the_character_set_of_the_peer_or_not_at_all(serve: Serve, syntax: str, tmp_path: Path) -> None:
    archive = serve((SECONDARY_CAPTURE, syntax))
    people = ("Buc^Jérôme", "山田^太郎", "Plain^Name")
    files = [written(tmp_path / str(number), person) for number, person in enumerate(people)]
    old = archive.peer().model_copy(update={"character_sets": ("ISO_IR 100",)})
    answers = list(DimseDestination(US, 1.0).store(old, [*files, tmp_path / "gone"]))
    assert [answer.status for answer in answers] == [0, None, 0, None]
    assert "PatientName" in answers[1].text
    assert answers[3] == UNREADABLE
    assert [("Jérôme".encode("latin_1") in content, b"ISO_IR 100" in content) for _, content in archive.data_sets] == [
        (True, True),
        (False, True),
    ]
    lenient = archive.peer().model_copy(update={"character_sets": ("ISO_IR 100", "ISO_IR 192")})
    (answer,) = DimseDestination(US, 1.0).store(lenient, [files[1]])
    assert (answer.status, answer.remark.partition(":")[0]) == (0, "written in ISO_IR 192")
    assert "山田".encode() in archive.data_sets[-1][1]


def test_what_the_peer_takes_in_no_encoding_is_reported_and_the_rest_is_sent(
    serve: Serve, images: tuple[Path, ...], test_data: Path
) -> None:
    archive = serve((MR_IMAGE, ExplicitVRLittleEndian), (CT_IMAGE, ExplicitVRLittleEndian))
    compressed = test_data / "mr-transfer-syntaxes" / "pydicom-mr-small" / "MR_small_RLE.dcm"
    assert outgoing(compressed).transfer_syntax_uid == RLE
    sent = list(send(archive.peer(), US, [outgoing(compressed), outgoing(images[0])]))
    assert [(one.status, one.text) for one in sent] == [(None, "no presentation context accepted"), (0, "Success 0000")]


def test_statuses_are_reported_one_by_one(serve: Serve, images: tuple[Path, ...]) -> None:
    archive = serve((MR_IMAGE, ExplicitVRLittleEndian), answers=(0xA700, 0xB000, 0x0000))
    sent = list(send(archive.peer(), US, [outgoing(image) for image in images]))
    assert [(one.status, one.text) for one in sent] == [
        (0xA700, "Failure A700"),
        (0xB000, "Warning B000"),
        (0x0000, "Success 0000"),
    ]


def test_a_peer_that_aborts_leaves_the_rest_unsent(serve: Serve, images: tuple[Path, ...]) -> None:
    archive = serve((MR_IMAGE, ExplicitVRLittleEndian), abort_at=2)
    answers = send(archive.peer(), US, [outgoing(image) for image in images], timeout=10.0)
    assert next(answers).status == 0
    with pytest.raises(Unreachable, match="without an answer"):
        next(answers)


def test_more_contexts_than_one_association_holds_are_sent_over_two(serve: Serve, images: tuple[Path, ...]) -> None:
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts][:70]
    archive = serve(*((uid, ExplicitVRLittleEndian) for uid in classes))
    files = []
    for uid in classes:
        image = dcmread(images[0])
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = uid
        path = images[0].with_name(f"{uid}.dcm")
        image.save_as(path)
        files.append(outgoing(path))
    assert [one.status for one in send(archive.peer(), US, files)] == [0] * 70
    assert archive.associations == 2


@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # pynetdicom leaves it to the collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_dcmtk_keeps_what_we_send(
    images: tuple[Path, ...], require_tool: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "got"
    folder.mkdir()
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    peer = PeerSettings(name="dcmtk", aet="DCMTK", port=port)
    command = [require_tool("storescp"), "+xa", "+B", "-aet", "DCMTK", "-od", str(folder), str(port)]
    with subprocess.Popen(command) as storescp:
        try:
            until_it_answers(peer)
            assert [one.status for one in send(peer, US, [outgoing(image) for image in images])] == [0, 0, 0]
        finally:
            storescp.terminate()
    got = {data_set_of(path.read_bytes())[0] for path in folder.iterdir()}
    assert got == {data_set_of(image.read_bytes())[0] for image in images}


def test_a_peer_that_takes_nothing_offered_is_no_reason_to_try_again(serve: Serve, images: tuple[Path, ...]) -> None:
    archive = serve((CT_IMAGE, ExplicitVRLittleEndian))
    (sent,) = send(archive.peer(), US, [outgoing(images[0])])
    assert (sent.status, sent.text) == (None, "no presentation context accepted")


def test_a_probe_says_what_is_taken_and_what_not(serve: Serve) -> None:
    archive = serve((MR_IMAGE, ImplicitVRLittleEndian), (CT_IMAGE, ExplicitVRLittleEndian))
    assert probe(archive.peer(), US, [MR_IMAGE, CT_IMAGE, "1.2.3"]) == {
        (MR_IMAGE, ExplicitVRLittleEndian): False,
        (MR_IMAGE, ImplicitVRLittleEndian): True,
        (CT_IMAGE, ExplicitVRLittleEndian): True,
        (CT_IMAGE, ImplicitVRLittleEndian): False,
        ("1.2.3", ExplicitVRLittleEndian): False,
        ("1.2.3", ImplicitVRLittleEndian): False,
    }
    assert set(probe(archive.peer(), US, ["1.2.3"]).values()) == {False}


def test_echo_tells_the_reasons_apart(serve: Serve) -> None:
    verification = "1.2.840.10008.1.1"
    archive = serve((verification, ImplicitVRLittleEndian))
    echo(archive.peer(), US)
    with pytest.raises(Unreachable, match=r"archive rejected the association: .*Called AE title not recognised"):
        echo(archive.peer("OTHER"), US)
    with pytest.raises(Unreachable, match="archive accepted none of the presentation contexts"):
        echo(serve((MR_IMAGE, ImplicitVRLittleEndian)).peer(), US)
    with pytest.raises(Refused, match="status 0122"):
        echo(serve((verification, ImplicitVRLittleEndian), echo=0x0122).peer(), US)


@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # pynetdicom leaves it to the collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_nobody_at_the_address_is_unreachable() -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))  # bound, but not listening: refused at once
        peer = PeerSettings(name="away", aet="AWAY", port=probe.getsockname()[1])
        with pytest.raises(Unreachable, match=r"away does not answer at 127\.0\.0\.1"):
            echo(peer, US, timeout=5.0)


def test_a_peer_that_says_nothing_is_unreachable_in_time() -> None:
    with closing(socket.socket()) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        peer = PeerSettings(name="silent", aet="SILENT", port=silent.getsockname()[1])
        with pytest.raises(Unreachable, match="silent aborted the association or did not answer in time"):
            echo(peer, US, timeout=1.0)


def test_a_name_nobody_knows_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="nowhere"):
        echo(PeerSettings(name="nowhere", aet="NOWHERE", host="nowhere.invalid", port=104), US, timeout=5.0)


def until_it_answers(peer: PeerSettings) -> None:
    for _ in range(200):
        try:
            echo(peer, US, timeout=5.0)
        except Unreachable:
            threading.Event().wait(0.02)
        else:
            return
    pytest.fail("storescp did not start")


@pytest.mark.parametrize("missing", ["MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID"])
def test_a_file_that_does_not_say_what_it_is_is_refused(missing: str, images: tuple[Path, ...]) -> None:
    image = dcmread(images[0])
    del image.file_meta[missing]
    image.save_as(images[0], enforce_file_format=False, implicit_vr=False, little_endian=True)
    with pytest.raises(Refused, match="complete file meta information"):
        outgoing(images[0])


def test_long_meta_information_is_stepped_over(images: tuple[Path, ...]) -> None:
    image = dcmread(images[0])
    image.file_meta.PrivateInformationCreatorUID = "1.2.3"
    image.file_meta.PrivateInformation = bytes(20000)
    image.save_as(images[0], enforce_file_format=True)
    file = outgoing(images[0])
    assert file.sop_instance_uid == image.SOPInstanceUID
    assert images[0].read_bytes()[file.offset :] == data_set_of(images[0].read_bytes())[0]
    assert file.offset > 20000
