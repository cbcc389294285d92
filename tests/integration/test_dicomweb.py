"""Results by STOW-RS: Orthanc as a real service, and one that answers as it pleases."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from dicomnode.deliver.destination import UNREADABLE, WebDestination
from dicomnode.dicom.header import data_set_of
from dicomnode.dimse import scu
from dicomnode.errors import Refused, Unreachable
from dicomnode.settings import PeerSettings
from tests import builders
from tests.absence import absent
from tests.peers.orthanc import Orthanc
from tests.unit.dicom.test_recoding import written


def peer(url: str, authorization: str = "") -> PeerSettings:
    return PeerSettings.model_validate({"name": "web", "aet": "WEB", "url": url, "authorization": authorization})


def images(folder: Path, count: int = 3) -> tuple[Path, ...]:
    return builders.mr_series(folder / "series", geometry=builders.grid((count, 8, 8)))


def test_orthanc_keeps_what_is_stored_and_finds_it_again(orthanc: Orthanc, tmp_path: Path) -> None:
    if not orthanc.configuration()["Plugins"]:
        absent("orthanc-dicomweb", "install it with 'make peers'")
    files, web = images(tmp_path), WebDestination()
    to = peer(f"http://127.0.0.1:{orthanc.http_port}/dicom-web/")
    assert web.look_for(to, files) == set()
    stored = list(web.store(to, [files[0], tmp_path / "gone", files[1]]))
    assert [answer.status for answer in stored] == [0, UNREADABLE.status, 0]
    assert web.look_for(to, files) == {scu.outgoing(file).sop_instance_uid for file in files[:2]}
    assert [answer.status for answer in web.store(to, files[:2])] == [0, 0], "again is no second object"
    kept = {data_set_of(orthanc.file(entry["ID"]))[0] for entry in orthanc.instances()}
    assert kept == {data_set_of(file.read_bytes())[0] for file in files[:2]}
    with pytest.raises(Refused):
        web.commit(to, "2.25.1", [], lambda _: None)


Serve = Callable[[int, object], PeerSettings]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answer every request alike; what was asked is checked on the way."""
    running: list[tuple[HTTPServer, threading.Thread]] = []

    def start(code: int, answer: object) -> PeerSettings:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Authorization"] == "Bearer key"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert body.count(b"DICM") == 1
                self.do_GET()

            def do_GET(self) -> None:
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        running.append((server, thread))
        return peer(f"http://127.0.0.1:{server.server_port}/base", "Bearer key")

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


def _failed(reason: int) -> object:
    return {"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [reason]}}]}}


STORED = {"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]}}
WARNED = {"00081199": {"vr": "SQ", "Value": [{"00081196": {"vr": "US", "Value": [0xB000]}}]}}


@pytest.mark.parametrize(
    ("code", "answer", "status"),
    [
        (200, STORED, 0),
        (200, WARNED, 0xB000),
        (202, _failed(0xA700), 0xA700),
        (409, _failed(0x0122), 0x0122),
        (409, b"no JSON", 0xC000),
        (503, b"", 0xA700),
        (415, b"", 0x0122),
        (400, b"", 0xC000),
    ],
)
def test_an_answer_has_its_status(serve: Serve, tmp_path: Path, code: int, answer: object, status: int) -> None:
    (said,) = WebDestination().store(serve(code, answer), images(tmp_path, 1))
    assert said.status == status


@pytest.mark.parametrize(("code", "answer"), [(200, b""), (200, []), (200, {}), (401, b""), (404, b"")])
def test_silence_about_the_instance_is_no_success(serve: Serve, tmp_path: Path, code: int, answer: object) -> None:
    with pytest.raises(Unreachable):
        list(WebDestination().store(serve(code, answer), images(tmp_path, 1)))


def test_queries_that_fail_are_told_apart(serve: Serve, tmp_path: Path) -> None:
    files, web = images(tmp_path, 1), WebDestination()
    with pytest.raises(Refused):
        web.look_for(serve(403, b""), files)
    with pytest.raises(Unreachable):
        web.look_for(serve(503, b""), files)
    for nonsense in (b"no JSON", [1, {"00080018": 3}], {"a": 1}):
        assert web.look_for(serve(200, nonsense), files) == set()


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable):
        list(WebDestination().store(peer("http://127.0.0.1:1"), images(tmp_path, 1)))


def test_orthanc_gets_the_text_in_the_set_it_is_to_have(orthanc: Orthanc, tmp_path: Path) -> None:
    if not orthanc.configuration()["Plugins"]:
        absent("orthanc-dicomweb", "install it with 'make peers'")
    files = [written(tmp_path / name, person) for name, person in (("a", "Buc^Jérôme"), ("b", "山田^太郎"))]
    to = peer(f"http://127.0.0.1:{orthanc.http_port}/dicom-web/").model_copy(update={"character_sets": ("ISO_IR 100",)})
    sent = list(WebDestination().store(to, files))
    assert [(answer.status, answer.remark) for answer in sent] == [(0, ""), (None, "")]
    assert "PatientName" in sent[1].text
    assert "山" not in sent[1].text
    (kept,) = [orthanc.dataset(entry["ID"]) for entry in orthanc.instances()]
    assert (kept.SpecificCharacterSet, str(kept.PatientName)) == ("ISO_IR 100", "Buc^Jérôme")
