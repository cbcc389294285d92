"""A phantom exam goes in by C-STORE; tier, digest, the networks' attention and the advice come out in Orthanc."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicomnode.catalog.models import read
from tests.e2e.node_process import NodeProcess
from tests.e2e.test_orthanc import shuffled_over_two_associations
from tests.integration.dciodvfy import unexpected
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port, require_tool
from tests.plugins.recurrence_triage.exams import volumes
from tests.plugins.recurrence_triage.files import write_exam, write_model, write_outliner

KINDS = {
    "1.2.840.10008.5.1.4.1.1.88.34": "SR",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.30": "PM",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
}


@dataclass
class Walk:
    files: list[Path]
    pacs: Orthanc
    node: NodeProcess
    digest: str

    def results(self) -> list[Dataset]:
        """All objects in Orthanc."""
        return [self.pacs.dataset(entry["ID"]) for entry in self.pacs.instances()]


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    folder = tmp_path_factory.mktemp("triage")
    files = write_exam(folder / "exam", volumes())
    card = write_model(folder / "models")
    write_outliner(folder / "models")
    with orthanc(folder) as pacs:
        peers = f"""
[models]
folder = "{card.parent}"
[plugins.recurrence_triage]
models = {{ triage = "random/1", outline = "random-outline/1" }}
[plugins.contrast_routing]
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
host = "{pacs.host}"
port = {pacs.dicom_port}
receives = ["SR", "SC", "SEG", "PM", "RTSTRUCT"]
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""
        node = NodeProcess(folder, free_port(), peers)
        node.start()
        shuffled_over_two_associations(node.port, files, seed=3)
        assert {task["plugin"]: task["state"] for task in node.settled(2)} == {
            "recurrence_triage": "done",
            "contrast_routing": "done",
        }
        yield Walk(files=files, pacs=pacs, node=node, digest=read(card).model.digest)
        assert node.stop() == 0


def test_the_tier_and_where_the_networks_looked_arrive(walk: Walk) -> None:
    counted = Counter(KINDS[dataset.SOPClassUID] for dataset in walk.results())
    assert counted == {"SR": 2, "SEG": 2, "RTSTRUCT": 1, "PM": 1, "SC": 28}


def report(walk: Walk, title: str) -> Dataset:
    """The only report whose series is called so."""
    reports = [dataset for dataset in walk.results() if KINDS[dataset.SOPClassUID] == "SR"]
    (found,) = [one for one in reports if one.SeriesDescription.startswith(title)]
    return found


def texts(item: Dataset) -> Iterator[str]:
    """Every text of a report, from the top down."""
    if "TextValue" in item:
        yield item.TextValue
    for below in item.get("ContentSequence", ()):
        yield from texts(below)


def test_the_report_says_tier_numbers_and_by_which_model(walk: Walk) -> None:
    said = list(texts(report(walk, "Triage")))
    assert any(text.startswith("Suspicious: p(T1_T2) 0.") for text in said)
    parameter = f"model.triage = random 1 sha256:{walk.digest}"
    assert parameter in said, "TID 4019 names the model's digest"


def test_the_advice_says_why_no_model_may_speak(walk: Walk) -> None:
    said = list(texts(report(walk, "Advice on contrast")))
    assert "whether the exam is follow-up of treated nasopharyngeal carcinoma is not known" in said


def test_the_segment_is_called_no_contour_and_the_proposal_a_proposal(walk: Walk) -> None:
    images = [dataset for dataset in walk.results() if KINDS[dataset.SOPClassUID] == "SEG"]
    labels = {segment.SegmentLabel for image in images for segment in image.SegmentSequence}
    assert labels == {"Attention, not a contour", "GTV proposal"}


def test_the_contours_lie_on_the_t1_and_are_of_the_same_patient(walk: Walk) -> None:
    (contours,) = [dataset for dataset in walk.results() if KINDS[dataset.SOPClassUID] == "RTSTRUCT"]
    sources = [dcmread(file, stop_before_pixels=True) for file in walk.files]
    t1 = [source for source in sources if source.SeriesDescription == "AX T1 SE"]
    assert (contours.StudyInstanceUID, contours.PatientID) == (t1[0].StudyInstanceUID, t1[0].PatientID)
    assert contours.SeriesDescription == "GTV proposal not for treatment planning (not for diagnostic use)"
    assert [region.ROIName for region in contours.StructureSetROISequence] == ["GTV proposal"]
    heights = {source.SOPInstanceUID: float(source.ImagePositionPatient[2]) for source in t1}
    drawn = contours.ROIContourSequence[0].ContourSequence
    for contour in drawn:
        assert float(contour.ContourData[2]) == heights[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
    (words,) = [text for text in texts(report(walk, "Triage")) if text.startswith("Proposed, not for treatment")]
    assert "random-outline 1 sha256:" in words


def test_dciodvfy_finds_no_error_outside_the_list(walk: Walk, tmp_path: Path) -> None:
    program = require_tool("dciodvfy")
    first_of_series = {}
    for entry in walk.pacs.instances():
        content = walk.pacs.file(entry["ID"])
        header = dcmread(io.BytesIO(content), stop_before_pixels=True)
        first_of_series.setdefault(header.SeriesInstanceUID, (KINDS[header.SOPClassUID], content))
    news = set()
    for kind, content in first_of_series.values():
        file = tmp_path / f"{kind}.dcm"
        file.write_bytes(content)
        news |= {(kind, *line) for line in unexpected(program, file, source=walk.files[0])}
    assert news == set()
