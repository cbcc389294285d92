"""The routes, asked over HTTP: live board, acknowledgement by our own page only, health, metrics."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dicomnode.advice import Board
from dicomnode.advice_settings import AdviceSettings, WebSettings
from dicomnode.domain.advice import AdviceKind
from dicomnode.errors import SettingsError
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.sdk.codes import CONTRAST_MAY_BE_OMITTED
from dicomnode.sdk.findings import Recommendation
from dicomnode.web.application import Sources
from dicomnode.web.server import serving
from tests.unit.test_advice import ADVISING, TASK, now
from tests.values import STUDY, instance


@dataclass
class Site:
    board: Board
    port: int
    complaints: list[Exception] = field(default_factory=list)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        sent = {"Host": f"127.0.0.1:{self.port}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        connection.request(method, path, urlencode(body) if body is not None else None, sent)
        answer = connection.getresponse()
        said = answer.read().decode()
        connection.close()
        return answer.status, said

    def acknowledge(self, **form: Any) -> tuple[int, str]:
        return self.ask("POST", "/console/acknowledge", form, Origin=f"http://127.0.0.1:{self.port}")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database = Database("", tmp_path)
    database.upgrade()
    board = Board(AdviceSettings(), database, ["routing"], now)
    board.start()
    Intake(database).record(instance("1.1", AccessionNumber="<ACC&7>", PatientID="SECRET"), now())
    board.watch()
    board.planned(STUDY, [ADVISING])
    complaints: list[Exception] = []

    def check() -> None:
        if complaints:
            raise complaints[0]

    sources = Sources(board=board, check=check, metrics=lambda: (b"one 1\n", "text/plain; version=0.0.4"))
    with serving(WebSettings(enabled=True, port=0), sources) as port:
        yield Site(board=board, port=port, complaints=complaints)
    board.stop()
    database.close()


def advised(site: Site) -> int:
    site.board.found(TASK, [Recommendation(value=CONTRAST_MAY_BE_OMITTED, reason="why")])
    return site.board.shown()[0].exam_id


def test_the_page_shows_the_board_and_escapes_what_others_wrote(site: Site) -> None:
    status, page = site.ask("GET", "/console")
    assert status == 200
    assert "&lt;ACC&amp;7&gt;" in page
    assert "<ACC" not in page
    assert 'role="timer"' in page
    assert STUDY not in page
    assert "SECRET" not in page
    assert site.ask("GET", "/")[0] == 307


def test_pages_run_no_script_of_others(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
    connection.request("GET", "/console")
    answer = connection.getresponse()
    answer.read()
    assert answer.getheader("content-security-policy", "").startswith("default-src 'self'")
    assert answer.getheader("x-content-type-options") == "nosniff"
    assert answer.getheader("cache-control") == "no-store"
    connection.close()


@pytest.mark.parametrize("name", ["htmx-2.0.11.min.js", "htmx-sse-2.2.4.min.js", "console.js", "console.css"])
def test_everything_comes_from_the_node_itself(site: Site, name: str) -> None:
    assert f"/static/{name}" in site.ask("GET", "/console")[1]
    assert site.ask("GET", f"/static/{name}")[0] == 200


def test_a_change_is_sent_at_once(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as stream:
        stream.sendall(f"GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
        lines = stream.makefile("r")
        assert "Wait" in _until(lines, "</article>")
        advised(site)
        assert "Contrast may be omitted" in _until(lines, "</article>")


def _until(lines: Any, end: str) -> str:
    read = []
    for line in lines:
        read.append(line)
        if end in line:
            break
    return "".join(read)


def test_an_advice_is_acknowledged_once_with_a_name(site: Site) -> None:
    exam, kind = advised(site), AdviceKind.MAY_BE_OMITTED.value
    assert site.acknowledge(exam=exam, kind=kind) == (
        422,
        "say who acknowledges, in 1 to 64 printable characters",
    )
    assert site.acknowledge(exam=exam, kind=AdviceKind.RECOMMENDED.value, who="A")[0] == 409
    assert site.acknowledge(exam=exam, kind=kind, who="A. Doe")[0] == 204
    assert site.acknowledge(exam=exam, kind=kind, who="B")[0] == 409
    assert site.board.shown()[0].acknowledged_by == "A. Doe"
    assert site.acknowledge(exam=999, kind=kind, who="A")[0] == 404
    assert site.acknowledge(exam=exam, kind="x", who="A")[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Host": "evil.example"}, 400)],
)
def test_no_other_site_acknowledges(site: Site, headers: dict[str, str], status: int) -> None:
    form = {"exam": advised(site), "kind": AdviceKind.MAY_BE_OMITTED.value, "who": "A"}
    assert site.ask("POST", "/console/acknowledge", form, **headers)[0] == status
    assert site.board.shown()[0].acknowledged is None


def test_a_large_form_is_refused_unread(site: Site) -> None:
    assert site.acknowledge(exam=1, who="x" * 5000)[0] == 413


def test_health_says_whether_the_node_can_work(site: Site) -> None:
    assert site.ask("GET", "/health") == (200, '{"status":"ok"}')
    site.complaints.append(SettingsError("the database at db.hospital does not answer"))
    assert site.ask("GET", "/health") == (503, '{"status":"failing","reason":"SettingsError"}')


def test_metrics_are_passed_on(site: Site) -> None:
    assert site.ask("GET", "/metrics") == (200, "one 1\n")


def test_a_port_that_is_taken_is_named(site: Site) -> None:
    sources = Sources(board=site.board, check=lambda: None)
    with (
        pytest.raises(SettingsError, match=rf"web: cannot listen on 127.0.0.1:{site.port}: Address already in use"),
        serving(WebSettings(port=site.port), sources),
    ):
        pass


def test_an_open_stream_does_not_keep_the_server_from_ending(site: Site) -> None:
    sources = Sources(board=site.board, check=lambda: None)
    with serving(WebSettings(port=0), sources) as port:
        stream = socket.create_connection(("127.0.0.1", port), timeout=20)
        stream.sendall(f"GET /console/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert stream.recv(10)
    stream.close()
