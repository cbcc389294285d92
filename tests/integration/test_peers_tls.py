"""Our user side over TLS: Orthanc and DCMTK as real providers; who shows a wrong certificate gets nothing."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from dicomnode.deliver.destination import DimseDestination
from dicomnode.deliver.send import attempt
from dicomnode.dicom.header import data_set_of
from dicomnode.dimse import commitment, presence, tls
from dicomnode.dimse.normalized import Request
from dicomnode.dimse.scp import StorageSCP
from dicomnode.dimse.scu import echo, outgoing, send
from dicomnode.domain.delivery import DeliveryState, Parcel, Reference
from dicomnode.domain.identity import SeriesInstanceUID, SOPClassUID, SOPInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import OutOfResources, SettingsError, Unreachable
from dicomnode.settings import DeliverySettings, DicomSettings, PeerSettings
from tests import builders
from tests.datasets import MR_IMAGE
from tests.peers.certificates import Certificate, authority, issued
from tests.peers.orthanc import orthanc as running_orthanc
from tests.peers.tools import free_port
from tests.values import at


@dataclass(frozen=True)
class Papers:
    """Who vouches for whom."""

    authority: Certificate
    node: Certificate
    pacs: Certificate
    elsewhere: Certificate
    """Vouched for, but for another host."""
    stranger: Certificate

    def local(self, own: str = "node", trusted: str = "authority") -> DicomSettings:
        """The node that shows one certificate and trusts another."""
        shown: Certificate = getattr(self, own)
        return DicomSettings(
            host="127.0.0.1",
            port=0,
            tls_certificate=str(shown.certificate),
            tls_key=str(shown.key),
            tls_trusted=str(getattr(self, trusted).certificate),
        )


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    root = authority(folder, "authority")
    return Papers(
        authority=root,
        node=issued(folder, "node", root),
        pacs=issued(folder, "pacs", root),
        elsewhere=issued(folder, "elsewhere", root, "DNS:pacs.example"),
        stranger=authority(folder, "stranger"),
    )


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return builders.mr_series(tmp_path_factory.mktemp("images") / "series", geometry=builders.grid((3, 8, 8)))


@dataclass(frozen=True)
class Provider:
    """A running storescp and where it keeps what it gets."""

    port: int
    folder: Path

    def peer(self, **changes: object) -> PeerSettings:
        return PeerSettings.model_validate({"name": "pacs", "aet": "PACS", "port": self.port, "tls": True, **changes})


@contextmanager
def storescp(program: Path, papers: Papers, shown: str, folder: Path) -> Iterator[Provider]:
    own: Certificate = getattr(papers, shown)
    provider = Provider(free_port(), folder)
    folder.mkdir()
    command = [program, "+tls", own.key, own.certificate, "+cf", papers.authority.certificate, "+xa", "+B"]
    command += ["-aet", "PACS", "-od", folder, str(provider.port)]
    with subprocess.Popen(list(map(str, command))) as process:
        try:
            until_it_answers(provider.peer(certificates=[own.fingerprint]), papers.local())
            yield provider
        finally:
            process.terminate()


def until_it_answers(peer: PeerSettings, local: DicomSettings) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return echo(peer, local)
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="module")
def dcmtk(
    papers: Papers, require_tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    with storescp(require_tool("storescp"), papers, "pacs", tmp_path_factory.mktemp("dcmtk") / "got") as provider:
        yield provider


@pytest.fixture(scope="module")
def misnamed(
    papers: Papers, require_tool: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """One whose certificate names another host."""
    with storescp(require_tool("storescp"), papers, "elsewhere", tmp_path_factory.mktemp("dcmtk") / "got") as provider:
        yield provider


def test_orthanc_is_asked_and_given_and_reports_over_tls(
    papers: Papers, images: tuple[Path, ...], tmp_path: Path
) -> None:
    further = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(papers.pacs.certificate),
        "DicomTlsPrivateKey": str(papers.pacs.key),
        "DicomTlsTrustedCertificates": str(papers.authority.certificate),
        "DicomTlsRemoteCertificateRequired": True,
    }
    local, came, taken = papers.local(), threading.Event(), []

    def take(request: Request) -> None:
        taken.append(commitment.read(request))
        came.set()

    def admit(_: Received) -> SeriesInstanceUID:
        raise OutOfResources("nothing is taken here")

    services = [commitment.service({"ORTHANC"}, take)]
    scp = StorageSCP(local, (), admit, lambda *_: None, services=services)
    scp.start()
    try:
        with running_orthanc(tmp_path, further) as orthanc:
            peer = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port, tls=True)
            echo(peer, local)
            files = [outgoing(image) for image in images]
            assert [sent.status for sent in send(peer, local, files)] == [0, 0, 0]
            assert presence.look_for(peer, local, images) == {file.sop_instance_uid for file in files}
            orthanc.introduce(local.aet, scp.port, tls=True)
            there = [Reference(sop_class_uid=f.sop_class_uid, sop_instance_uid=f.sop_instance_uid) for f in files]
            commitment.ask(peer, local, "2.25.1", there, take, wait=0.1)
            assert came.wait(20), "Orthanc opens an association of its own, over TLS"
            assert taken[0].committed == frozenset(there)
            kept = {data_set_of(orthanc.file(entry["ID"]))[0] for entry in orthanc.instances()}
            assert kept == {data_set_of(image.read_bytes())[0] for image in images}
            with pytest.raises(Unreachable):
                echo(peer.model_copy(update={"tls": False}), local, timeout=2)
    finally:
        scp.stop()


def test_dcmtk_keeps_what_it_gets_over_tls(papers: Papers, dcmtk: Provider, images: tuple[Path, ...]) -> None:
    assert [sent.status for sent in send(dcmtk.peer(), papers.local(), [outgoing(image) for image in images])] == [
        0
    ] * 3
    got = {data_set_of(path.read_bytes())[0] for path in dcmtk.folder.iterdir()}
    assert got == {data_set_of(image.read_bytes())[0] for image in images}


def test_a_bound_certificate_stands_for_the_name_of_the_host(papers: Papers, misnamed: Provider) -> None:
    echo(misnamed.peer(certificates=[papers.elsewhere.fingerprint]), papers.local())


def _ways(peer: PeerSettings, local: DicomSettings, image: Path) -> Iterator[str]:
    """What the echo and the sending say: one goes through pynetdicom's connection and one through ours."""
    with pytest.raises(Unreachable) as echoed:
        echo(peer, local, timeout=5)
    yield str(echoed.value)
    with pytest.raises(Unreachable) as sent:
        list(send(peer, local, [outgoing(image)], timeout=5))
    yield str(sent.value)


@pytest.mark.parametrize(
    ("provider", "bound", "own", "trusted", "why"),
    [
        ("dcmtk", [], "node", "stranger", "no TLS with pacs: self-signed certificate in certificate chain"),
        ("misnamed", [], "node", "authority", "no TLS with pacs: IP address mismatch, certificate is not valid for"),
        (
            "dcmtk",
            ["ab" * 32],
            "node",
            "authority",
            "no TLS with pacs: its certificate is none of those it is",
        ),
        ("dcmtk", [], "stranger", "authority", "tlsv1 alert unknown ca|perhaps it does not trust our certificate"),
    ],
)
def test_a_wrong_certificate_is_named_and_nothing_is_sent(
    request: pytest.FixtureRequest,
    papers: Papers,
    images: tuple[Path, ...],
    provider: str,
    bound: list[str],
    own: str,
    trusted: str,
    why: str,
) -> None:
    there: Provider = request.getfixturevalue(provider)
    before = sorted(there.folder.iterdir())
    for said in _ways(there.peer(certificates=bound), papers.local(own, trusted), images[0]):
        assert re.search(why, said), said
    assert sorted(there.folder.iterdir()) == before


def test_what_cannot_be_sent_is_sent_again_and_given_up_in_the_end(
    papers: Papers, misnamed: Provider, images: tuple[Path, ...]
) -> None:
    policy = DeliverySettings(give_up_after=100)
    parcel = Parcel(
        delivery_id=1,
        sop_instance_uid=SOPInstanceUID("1.2"),
        sop_class_uid=SOPClassUID(MR_IMAGE),
        kind="SC",
        store_key=str(images[0]),
        attempts=0,
        queued=at(0),
    )
    store = DimseDestination(papers.local(), 1.0).store
    for later, state in ((1, DeliveryState.WAITING), (101, DeliveryState.PARKED)):
        (receipt,) = attempt(misnamed.peer(), [parcel], Path, store, policy, at(0) + timedelta(seconds=later))
        assert receipt.state == state
        assert "no TLS with pacs: IP address mismatch" in receipt.reason


def test_who_speaks_no_tls_is_told_apart_from_nobody(
    papers: Papers, images: tuple[Path, ...], require_tool: Callable[[str], Path], tmp_path: Path
) -> None:
    port = free_port()
    peer = PeerSettings(name="pacs", aet="PACS", port=port, tls=True)
    for said in _ways(peer, papers.local(), images[0]):
        assert said == f"pacs does not answer at 127.0.0.1:{port}"
    with subprocess.Popen([require_tool("storescp"), "-od", str(tmp_path), str(port)]) as process:
        try:
            until_it_answers(peer.model_copy(update={"tls": False}), papers.local())
            for said in _ways(peer, papers.local(), images[0]):
                assert said.startswith("no TLS with pacs: ")
        finally:
            process.terminate()


def test_a_file_that_cannot_be_used_is_named_and_waited_for(papers: Papers, images: tuple[Path, ...]) -> None:
    gone = papers.local().model_copy(update={"tls_trusted": "/nowhere"})
    for said in _ways(PeerSettings(name="pacs", aet="PACS", tls=True), gone, images[0]):
        assert said == "dicom.tls_trusted: cannot be used: No such file or directory"


def test_a_certificate_has_its_fingerprint(papers: Papers, tmp_path: Path) -> None:
    chain = tmp_path / "chain.pem"
    chain.write_text(papers.node.certificate.read_text() + papers.authority.certificate.read_text())
    assert tls.fingerprint(chain) == papers.node.fingerprint
    for wrong in (papers.node.key, tmp_path / "gone"):
        with pytest.raises(SettingsError, match="no certificate in PEM"):
            tls.fingerprint(wrong)
