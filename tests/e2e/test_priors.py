"""A plugin compares with an earlier study that a real archive holds: fetched once, bounded, and no exam of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dicomnode.dimse.scu import outgoing, send
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders
from tests.e2e.node_process import NodeProcess, until
from tests.peers.orthanc import Orthanc
from tests.peers.tools import free_port

SR = "1.2.840.10008.5.1.4.1.1.88.34"
PLUGIN = """
from dicomnode.sdk import InputRole, Match, PluginSpec, Prior, QualitativeEvaluation
from dicomnode.sdk.codes import ARTIFICIAL_INTELLIGENCE as CODE

IN_PHASE = (Match(keyword="Role", op="eq", value="in-phase"),)
SPEC = PluginSpec(
    name="compare", version="1", title="Compare", intended_use="tests", status="research",
    inputs=(
        InputRole(role="now", match=IN_PHASE),
        InputRole(role="before", match=IN_PHASE, from_prior=Prior(within_days=1000), required=REQUIRED),
    ),
    produces=("QualitativeEvaluation",), entry="compare:run", family=CODE,
)

def run(case, context):
    before = f"{case.volume('before').array.shape[0]} slices" if "before" in case.volumes else "nothing"
    return [QualitativeEvaluation(name=CODE, value=f"{case.volume('now').array.shape[0]} slices after {before}")]
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def write(required: str) -> None:
        info = tmp_path / "site" / "compare-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: compare\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[dicomnode.plugins]\ncompare = compare:SPEC\n")
        (info.parent / "compare.py").write_text(PLUGIN.replace("REQUIRED", required))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(info.parent), *sys.path]))

    return write


def study(folder: Path, name: str, date: str, slices: int, **attributes: Any) -> tuple[Path, ...]:
    return builders.mr_series(
        folder / name,
        study=name,
        series="in-phase",
        geometry=builders.grid((slices, 16, 16)),
        attributes={"StudyDate": date, "AccessionNumber": name, **attributes},
    )


def store(peer: PeerSettings, files: tuple[Path, ...]) -> None:
    assert {sent.status for sent in send(peer, DicomSettings(aet="SCANNER"), [outgoing(file) for file in files])} == {0}


def started(folder: Path, pacs: Orthanc, retrieve: str) -> NodeProcess:
    peers = f"""
[priors]
seconds = 20
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
port = {pacs.dicom_port}
receives = ["SR"]
may_store = true
query_priors = true
retrieve = "{retrieve}"
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""
    node = NodeProcess(folder, free_port(), peers, extra="[plugins.fat_fraction]\nenabled = false")
    node.start()
    pacs.introduce("DICOMNODE", node.port)
    return node


@pytest.mark.timeout(300)
@pytest.mark.parametrize("retrieve", ["get", "move"])
def test_the_newest_fitting_study_is_fetched_and_compared(
    orthanc: Orthanc, tmp_path: Path, install: Any, retrieve: str
) -> None:
    install("True")
    pacs = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port)
    store(pacs, study(tmp_path, "older", "20220401", 4))
    store(pacs, study(tmp_path, "newer", "20230301", 5))
    store(pacs, study(tmp_path, "stranger", "20240101", 6, PatientBirthDate="19800101"))
    store(pacs, study(tmp_path, "ancient", "20101231", 6))
    store(pacs, study(tmp_path, "knee", "20240102", 6, BodyPartExamined="KNEE"))
    node = started(tmp_path, orthanc, retrieve)
    store(PeerSettings(name="node", aet="DICOMNODE", port=node.port), study(tmp_path, "exam", "20240229", 7))
    (task,) = node.settled(1)
    assert task["state"] == "done", node.cli("studies", "why", builders.uid("study", "exam")).stdout
    until(lambda: orthanc.count() == 28, 30, "the report arrives")
    assert (task["plugin"], task["state"]) == ("compare", "done")

    (report,) = [d for d in (orthanc.dataset(e["ID"]) for e in orthanc.instances()) if d.SOPClassUID == SR]
    assert "7 slices after 5 slices" in report.to_json()
    (other,) = report.PertinentOtherEvidenceSequence
    assert other.StudyInstanceUID == builders.uid("study", "newer")
    (current,) = report.CurrentRequestedProcedureEvidenceSequence
    assert report.StudyInstanceUID == current.StudyInstanceUID == builders.uid("study", "exam")

    here = {entry["study_instance_uid"]: entry["series"] for entry in node.ask("studies", "list")}
    assert set(here) == {builders.uid("study", name) for name in ("exam", "newer", "older")}
    assert here[builders.uid("study", "older")] == {"not applicable": 1}
    why = node.cli("studies", "why", builders.uid("study", "exam")).stdout
    assert "priors: fetched: no series of it fits; 5 instances; 4 instances" in why
    assert "    pacs: fetched: 5 instances" in why
    assert "fetched as a prior" in node.cli("studies", "why", builders.uid("study", "older")).stdout
    assert len(node.ask("tasks", "list")) == 1
    assert node.stop() == 0


@pytest.mark.timeout(300)
def test_an_exam_goes_on_without_priors_and_says_why(orthanc: Orthanc, tmp_path: Path, install: Any) -> None:
    install("False")
    pacs = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port)
    store(pacs, study(tmp_path, "newer", "20230301", 5))
    node = started(tmp_path, orthanc, "move")
    orthanc.introduce("NOBODY", node.port)  # from now on it does not know us
    store(PeerSettings(name="node", aet="DICOMNODE", port=node.port), study(tmp_path, "exam", "20240229", 7))
    (task,) = node.settled(1)
    assert task["state"] == "done"
    why = node.cli("studies", "why", builders.uid("study", "exam")).stdout
    assert "priors: failed: the peer ended the association without a final answer" in why
    assert node.stop() == 0
