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
from dicomnode.hl7v2.mllp import Listener, send
from dicomnode.settings import DicomSettings, PeerSettings
from tests.e2e.node_process import NodeProcess, until
from tests.peers.tools import free_port

EGFR = "MSH|^~\\&|LAB|H|N|H|20260301120000||ORU^R01|M1|P|2.5\rPID|1||{patient}\rOBX|1|NM|33914-3||80||||||F"
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
def heard() -> Iterator[tuple[int, list[str]]]:
    """A system that takes HL7, and what it took."""
    taken: list[str] = []
    listener = Listener("127.0.0.1", 0, lambda message: taken.append(str(message)), ("127.0.0.1",))
    yield listener.port, taken
    listener.stop()


@pytest.fixture
def serving(tmp_path: Path, heard: tuple[int, list[str]]) -> Iterator[tuple[NodeProcess, int]]:
    web = free_port()
    extra = f"""
[advice]
notice_hosts = ["127.0.0.1"]
[[notices]]
name = "ris"
hl7_host = "127.0.0.1"
hl7_port = {heard[0]}
[hl7]
enabled = true
port = {free_port()}
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


def test_the_advice_stands_on_the_page_while_the_exam_is_open(
    serving: tuple[NodeProcess, int], heard: tuple[int, list[str]], tmp_path: Path
) -> None:
    node, web = serving
    made: Written = write(tmp_path / "exam", 0)

    def page() -> str:
        return _ask(web, "GET", "/console")[1]

    _sent(node, made.series["t1"])
    until(lambda: made.accession in page(), 30, "the exam is awaited")
    assert "The images needed are not complete yet." in page()
    hl7 = re.search(r"\[hl7\]\nenabled = true\nport = (\d+)", node.config.read_text())
    assert hl7 is not None
    send("127.0.0.1", int(hl7[1]), EGFR.format(patient=made.patient))
    _sent(node, made.series["t2"])
    until(lambda: "Contrast may be omitted" in page(), 60, "the advice is shown")
    assert "Caution: Not known: reactions to contrast agent, pregnancy." in page()
    assert made.patient not in page()
    assert made.study not in page()

    until(lambda: heard[1], 30, "the ordering system is told")
    assert "ADV_OMIT^Contrast may be omitted" in heard[1][0]
    assert f"|{made.accession}|" in heard[1][0]

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
