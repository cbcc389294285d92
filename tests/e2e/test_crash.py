"""kill -9 at any moment: nothing acknowledged is lost, every result arrives, none twice."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from dicomnode.demo.phantom import Exam, write_liver_exam
from dicomnode.dimse import scu
from dicomnode.errors import Unreachable
from dicomnode.settings import DicomSettings, PeerSettings
from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import peers_of
from tests.peers.orthanc import Orthanc
from tests.peers.tools import free_port

KILLS = int(os.environ.get("DICOMNODE_KILLS", "2"))
"""How often the node dies; ``make test-kill`` asks for more."""

SLICES = 12
RESULTS = SLICES + 4


def _send(node: NodeProcess, files: list[Path], acknowledged: set[Path]) -> None:
    """Send what has not been acknowledged yet; the node may die under it."""
    peer = PeerSettings(name="node", aet="DICOMNODE", port=node.port)
    left = [scu.outgoing(path) for path in files if path not in acknowledged]
    try:
        for sent in scu.send(peer, DicomSettings(aet="SCANNER"), left, timeout=20):
            if sent.status == 0:
                acknowledged.add(sent.outgoing.path)
    except Unreachable:
        return


@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # pynetdicom leaves it to the collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_the_node_dies_at_random_moments(orthanc: Orthanc, tmp_path: Path, database_url: str) -> None:
    node = NodeProcess(tmp_path, free_port(), peers_of(orthanc), database_url)
    choose = random.Random(KILLS)
    for number in range(KILLS):
        exam = Exam(seed=100 + number, shape=(SLICES, 96, 128))
        write_liver_exam(tmp_path / f"exam{number}", exam)
        files = sorted((tmp_path / f"exam{number}").glob("*.dcm"))
        acknowledged: set[Path] = set()
        node.start()
        # A third of the moments lie inside the sending, the others up to the last delivery.
        moment = choose.uniform(0, 0.3) if number % 3 == 0 else choose.uniform(0.3, 4.5)
        killer = _kill_after(node, moment)
        _send(node, files, acknowledged)
        killer.wait()
        node.wait()
        node.start()
        _send(node, files, acknowledged)
        assert len(acknowledged) == len(files)
        expected = (number + 1) * RESULTS
        until(functools.partial(_holds, orthanc, expected), 120, "the results arrive")
        node.settled(number + 1)
        node.kill()
    node.start()
    (tasks, studies) = (node.settled(KILLS), node.ask("studies", "list"))
    assert [task["state"] for task in tasks] == ["done"] * KILLS
    assert [set(task["deliveries"]["pacs"]) for task in tasks] == [{"delivered"}] * KILLS
    made: list[str] = []
    for study in studies:
        shown = node.ask("studies", "show", study["study_instance_uid"])
        assert [series["instances"] for series in shown["series"]] == [2 * SLICES]
        assert [series["outcome"] for series in shown["series"]] == ["done"]
        made += [entry["sop_instance_uid"] for entry in shown["objects"] if entry["peer"]]
    assert len(made) >= KILLS * RESULTS
    assert sorted(orthanc.dataset(entry["ID"]).SOPInstanceUID for entry in orthanc.instances()) == sorted(made)
    stored = list((tmp_path / "var" / "store").rglob("*.dcm"))
    assert sum(dcmread(path, stop_before_pixels=True).Modality == "MR" for path in stored) >= KILLS * 2 * SLICES
    assert node.stop() == 0


def _holds(pacs: Orthanc, count: int) -> bool:
    return pacs.count() >= count


def _kill_after(node: NodeProcess, seconds: float) -> subprocess.Popen[bytes]:
    """SIGKILL from outside, so that it strikes wherever the node is."""
    return subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds:.3f}; kill -9 {node.pid}"])


_SLEEPY = """
import time
from pathlib import Path
from dicomnode.sdk import InputRole, Match, PluginSpec, QualitativeEvaluation
from dicomnode.sdk.codes import ARTIFICIAL_INTELLIGENCE as CODE

MARK = Path(__file__).with_name("mark")
SPEC = PluginSpec(
    name="sleepy", version="1", title="Sleepy", intended_use="tests", status="research",
    inputs=(InputRole(role="image", match=(Match(keyword="Role", op="eq", value="in-phase"),)),),
    produces=("QualitativeEvaluation",), entry="sleepy:run", family=CODE,
)

def run(case, context):
    if not MARK.exists():
        MARK.touch()
        time.sleep(300)
    return [QualitativeEvaluation(name=CODE, value="slept well")]
"""


def test_work_that_outlasts_the_stop_is_done_after_the_next_start(
    orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "site" / "sleepy-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sleepy\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[dicomnode.plugins]\nsleepy = sleepy:SPEC\n")
    (info.parent / "sleepy.py").write_text(_SLEEPY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(info.parent), *sys.path]))
    node = NodeProcess(
        tmp_path, free_port(), peers_of(orthanc), extra="[plugins.fat_fraction]\nenabled = false", drain=1.0
    )
    write_liver_exam(tmp_path / "exam", Exam(seed=8, shape=(SLICES, 96, 128)))
    node.start()
    _send(node, sorted((tmp_path / "exam").glob("*.dcm")), set())
    until((info.parent / "mark").exists, 60, "the plugin runs")
    assert node.stop() == 0
    node.start()
    until(functools.partial(_holds, orthanc, 1), 120, "the report arrives")
    (task,) = node.settled(1)
    assert (task["state"], task["attempt"]) == ("done", 1)
    assert node.stop() == 0


def test_a_stopped_node_leaves_its_work_for_the_next_start(orthanc: Orthanc, tmp_path: Path, database_url: str) -> None:
    node = NodeProcess(tmp_path, free_port(), peers_of(orthanc), database_url)
    write_liver_exam(tmp_path / "exam", Exam(seed=7, shape=(SLICES, 96, 128)))
    acknowledged: set[Path] = set()
    node.start()
    _send(node, sorted((tmp_path / "exam").glob("*.dcm")), acknowledged)
    start = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - start < 30
    assert orthanc.count() == 0
    node.start()
    until(lambda: orthanc.count() == RESULTS, 120, "the results arrive")
    node.settled(1)
    assert node.stop(any_thread=True) == 0
