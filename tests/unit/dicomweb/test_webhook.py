"""Notices go to allowed hosts only, and are taken or not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from dicomnode.dicomweb.webhook import create_workitem, post
from dicomnode.errors import Refused, Unreachable
from tests.peers.tools import free_port


@dataclass
class Receiver:
    port: int = 0
    status: int = 204
    taken: list[tuple[str, str, Any]] = field(default_factory=list)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/advice?from=node"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.taken.append((self.path, self.headers.get("Authorization", ""), json.loads(body)))
            self.send_response(kept.status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_allowed_host_gets_it(receiver: Receiver) -> None:
    post(receiver.url(), {"advice": "ADV_OMIT"}, ["127.0.0.1"], "Bearer x")
    assert receiver.taken == [("/advice?from=node", "Bearer x", {"advice": "ADV_OMIT"})]


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("127.0.0.1", []), ("127.0.0.1", ["ris.example"]), ("localhost", ["localhost"]), ("localhost", ["127.0.0.2"])],
)
def test_any_other_host_gets_nothing(receiver: Receiver, host: str, allowed: list[str]) -> None:
    with pytest.raises(Refused, match="is not among"):
        post(receiver.url(host), {}, allowed)
    assert receiver.taken == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://user@evil@127.0.0.1.evil/x"])
def test_nothing_but_http_to_the_host_named(url: str) -> None:
    with pytest.raises(Refused):
        post(url, {}, ["127.0.0.1"])


@pytest.mark.parametrize(("status", "error"), [(302, Refused), (404, Refused), (503, Unreachable), (429, Unreachable)])
def test_what_is_not_taken_is_said_and_no_redirect_followed(
    receiver: Receiver, status: int, error: type[Exception]
) -> None:
    receiver.status = status
    with pytest.raises(error, match=f"answered {status}"):
        post(receiver.url(), {}, ["127.0.0.1"])
    assert len(receiver.taken) == 1


def test_a_receiver_that_is_not_there_may_come_back() -> None:
    with pytest.raises(Unreachable, match="ConnectionRefusedError"):
        post(f"http://127.0.0.1:{free_port()}/", {}, ["127.0.0.1"])


@pytest.mark.parametrize("status", [201, 409])
def test_a_work_item_is_created_or_there_already(receiver: Receiver, status: int) -> None:
    receiver.status = status
    base = f"http://127.0.0.1:{receiver.port}/dicom-web/"
    create_workitem(base, {"00741204": {"vr": "LO", "Value": ["why"]}}, ["127.0.0.1"], "Bearer x")
    assert receiver.taken == [
        ("/dicom-web/workitems", "Bearer x", [{"00741204": {"vr": "LO", "Value": ["why"]}}]),
    ]


@pytest.mark.parametrize(("status", "error"), [(400, Refused), (404, Refused), (503, Unreachable)])
def test_a_work_item_that_is_not_taken_is_said(receiver: Receiver, status: int, error: type[Exception]) -> None:
    receiver.status = status
    with pytest.raises(error, match=f"answered {status}"):
        create_workitem(f"http://127.0.0.1:{receiver.port}", {}, ["127.0.0.1"])


def test_no_work_item_goes_to_a_host_that_is_not_allowed(receiver: Receiver) -> None:
    with pytest.raises(Refused, match="not among those notices may go to"):
        create_workitem(f"http://127.0.0.1:{receiver.port}", {}, ["ris.example"])
    assert receiver.taken == []
