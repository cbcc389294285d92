"""A phantom exam goes in series by series; the advice stands on the console page while the exam is still open."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import pytest

from benchmarks.routing.exams import Written, write
from dicomnode.dimse import scu
from dicomnode.settings import DicomSettings, PeerSettings
from tests.e2e.node_process import NodeProcess, until
from tests.peers.tools import free_port

PEERS = """
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""


def _sent(node: NodeProcess, files: Sequence[Path]) -> None:
    peer = PeerSettings(name="node", aet="DICOMNODE", port=node.port)
    answers = list(scu.send(peer, DicomSettings(aet="SCANNER"), [scu.outgoing(path) for path in files]))
    assert [one.status for one in answers] == [0] * len(files)


def _ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body, {"Origin": f"http://127.0.0.1:{port}"})
    answer = connection.getresponse()
    said = answer.read().decode()
    connection.close()
    return answer.status, said


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[NodeProcess, int]]:
    web = free_port()
    extra = f"""
[web]
enabled = true
port = {web}
[plugins.contrast_routing.parameters]
assume_follow_up = true
assume_no_demand = true
"""
    node = NodeProcess(tmp_path, free_port(), PEERS, extra=extra)
    node.start()
    yield node, web
    assert node.stop() == 0


def test_the_advice_stands_on_the_page_while_the_exam_is_open(serving: tuple[NodeProcess, int], tmp_path: Path) -> None:
    node, web = serving
    made: Written = write(tmp_path / "exam", 0)

    def page() -> str:
        return _ask(web, "GET", "/console")[1]

    _sent(node, made.series["t1"])
    until(lambda: made.accession in page(), 30, "the exam is awaited")
    assert "The images needed are not complete yet." in page()
    _sent(node, made.series["t2"])
    until(lambda: "Contrast may be omitted" in page(), 60, "the advice is shown")
    assert "Caution: Not known: reactions to contrast agent, eGFR, pregnancy." in page()
    assert made.patient not in page()
    assert made.study not in page()

    exam = re.search(r'id="exam-(\d+)"', page())
    assert exam is not None
    form = urlencode({"exam": exam[1], "kind": "ADV_OMIT", "who": "A. Doe"})
    assert _ask(web, "POST", "/console/acknowledge", form) == (204, "")
    assert "Acknowledged by A. Doe" in page()

    late: Written = write(tmp_path / "late", 1, like=0)
    _sent(node, late.series["t1c"])
    until(lambda: "Too late to advise" in page(), 30, "contrast is seen")
    assert _ask(web, "GET", "/health") == (200, '{"status":"ok"}')
    assert made.patient not in node.log.read_text()
