"""TLS as PS3.15 B.12 wants it: who is not vouched for, or speaks an old dialect, does not even associate."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicomnode.cli.main import app
from dicomnode.dicom.header import data_set_of
from dicomnode.dimse.scp import StorageSCP
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import SettingsError
from dicomnode.settings import DicomSettings, LimitsSettings, PeerSettings
from tests import builders
from tests.datasets import mr
from tests.peers.certificates import Certificate, authority, issued
from tests.peers.rude import RudePeer, associate


@dataclass(frozen=True)
class Papers:
    """Who vouches for whom."""

    authority: Certificate
    node: Certificate
    scanner: Certificate
    other: Certificate
    stranger: Certificate

    def client(self, own: Certificate | None) -> ssl.SSLContext:
        """What a peer speaks TLS with."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("certificates")
    root = authority(folder, "authority")
    return Papers(
        authority=root,
        node=issued(folder, "node", root),
        scanner=issued(folder, "scanner", root),
        other=issued(folder, "other", root),
        stranger=authority(folder, "stranger"),
    )


TLS_FILES = ("tls_certificate", "tls_key", "tls_trusted")
TAKEN: list[bytes] = []


def take(received: Received) -> SeriesInstanceUID:
    TAKEN.append(b"".join(map(bytes, received.data_set)))
    return SeriesInstanceUID("1.2.3")


def nothing(_: AETitle, __: frozenset[SeriesInstanceUID]) -> None:
    pass


def speaking(papers: Papers, **changes: str) -> DicomSettings:
    files = {
        "tls_certificate": str(papers.node.certificate),
        "tls_key": str(papers.node.key),
        "tls_trusted": str(papers.authority.certificate),
    }
    return DicomSettings(host="127.0.0.1", port=0, **{**files, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def port(papers: Papers) -> Iterator[int]:
    fingerprint = papers.scanner.fingerprint.upper()
    bound = ":".join(fingerprint[n : n + 2] for n in range(0, 64, 2))  # as OpenSSL shows it
    peers = [
        PeerSettings(name="scanner", aet="SCANNER", may_store=True, certificates=(bound,)),
        PeerSettings(name="other", aet="OTHER", may_store=True),
    ]
    scp = StorageSCP(speaking(papers), peers, take, nothing, LimitsSettings(handshake_time=0.5))
    scp.start()
    yield scp.port
    scp.stop()


def test_an_instance_arrives_over_tls(papers: Papers, port: int) -> None:
    TAKEN.clear()
    content = mr(pixels=bytes(3_000_000))
    with RudePeer(port, papers.client(papers.scanner)) as peer:
        peer.associate()
        assert peer.store("1.2.3.4", content) == 0
        assert peer.echo() == 0
        assert peer.release() == "released"
    assert [content] == TAKEN


@pytest.mark.parametrize(
    ("title", "shown", "answer"),
    [
        ("SCANNER", "scanner", "accepted"),
        ("SCANNER", "other", "rejected"),
        ("OTHER", "other", "accepted"),
        ("OTHER", "scanner", "accepted"),
    ],
)
def test_a_bound_title_is_believed_with_its_certificate_only(
    papers: Papers, port: int, title: str, shown: str, answer: str
) -> None:
    with RudePeer(port, papers.client(getattr(papers, shown))) as peer:
        peer.send(associate(calling=title))
        name, body = peer.hear()
        assert name == answer
        assert body == b"\0\1\1\3" or answer == "accepted"


@pytest.mark.parametrize("shown", [None, "stranger"])
def test_who_is_not_vouched_for_is_not_heard(papers: Papers, port: int, shown: str | None) -> None:
    own = getattr(papers, shown) if shown else None
    try:
        with RudePeer(port, papers.client(own)) as peer:  # TLS 1.3 tells a client only when it reads
            peer.send(associate(calling="OTHER"))
            assert peer.hear()[0] == "closed"
    except (ssl.SSLError, ConnectionError):
        pass


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("old", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(papers: Papers, port: int, old: ssl.TLSVersion) -> None:
    context = papers.client(papers.scanner)
    context.minimum_version = context.maximum_version = old
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RudePeer(port, context)


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(papers: Papers, port: int, ciphers: str) -> None:
    context = papers.client(papers.scanner)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        RudePeer(port, context)


def test_files_are_sent_to_a_node_that_speaks_tls(papers: Papers, port: int, tmp_path: Path) -> None:
    (file,) = builders.mr_series(tmp_path, geometry=builders.grid((1, 8, 8)))
    settings = speaking(papers, aet="DICOMNODE").model_dump() | {"port": port}
    changes = [f"dicom.{key}={json.dumps(settings[key])}" for key in ("host", "port", *TLS_FILES)]
    TAKEN.clear()
    arguments = ["send", str(file), "--calling", "OTHER", *(word for one in changes for word in ("--set", one))]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (0, "1 of 1 instances taken by this-node, 0 files skipped\n")
    assert [data_set_of(file.read_bytes())[0]] == TAKEN
    assert CliRunner().invoke(app, ["send", str(file), "--calling", "no title at all"]).exit_code != 0


def test_plain_dicom_is_not_answered(port: int) -> None:
    with RudePeer(port) as peer:
        peer.send(associate(calling="OTHER"))
        assert peer.hear()[0] in ("closed", "?")


def test_handshakes_that_stall_keep_nobody_waiting(papers: Papers, port: int) -> None:
    stalled = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(8)]
    begun = time.monotonic()
    with RudePeer(port, papers.client(papers.other)) as peer:
        peer.associate(calling="OTHER")
        assert peer.echo() == 0
    assert time.monotonic() - begun < 2
    for one in stalled:
        while one.recv(100):  # what it says at the deadline is no matter, but it ends
            pass
        one.close()
    assert time.monotonic() - begun < 4


def test_files_that_cannot_be_used_are_named(papers: Papers, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    for key, value, said in (
        ("tls_key", str(papers.other.key), "dicom.tls_certificate, dicom.tls_key: cannot be used: KEY_VALUES_MISMATCH"),
        ("tls_certificate", str(tmp_path / "none"), "dicom.tls_certificate, dicom.tls_key: .*No such file"),
        ("tls_trusted", str(nonsense), "dicom.tls_trusted: cannot be used: "),
    ):
        with pytest.raises(SettingsError, match=said):
            StorageSCP(speaking(papers, **{key: value}), [], take, nothing).start()
