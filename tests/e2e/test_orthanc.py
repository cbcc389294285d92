"""A real liver exam goes in by DCMTK, results come out in Orthanc, and hold up against independent readers."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom import Dataset, dcmread

from dicomnode.sdk import Segmentation, wire
from tests.e2e.node_process import NodeProcess, until
from tests.integration.dciodvfy import unexpected
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port, require_tool

SEG, SR, PM, SC, RTSTRUCT = (
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.481.3",
)
KINDS = {SEG: "SEG", SR: "SR", PM: "PM", SC: "SC", RTSTRUCT: "RTSTRUCT"}
EVERY_KIND = '"SEG", "RTSTRUCT", "SR", "SC", "PM"'
SLICES = 35
RESULTS = SLICES + 5
"""A colour picture of each slice and the page that sums up, a map, a segmentation and its contours, a report."""


def peers_of(pacs: Orthanc, commitment: str = "false", receives: str = '"SEG", "SR", "SC", "PM"') -> str:
    """The configuration of Orthanc as destination and DCMTK as sender."""
    return f"""
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
host = "{pacs.host}"
port = {pacs.dicom_port}
receives = [{receives}]
commitment = {commitment}
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""


def dcmsend(port: int, files: Sequence[Path], called_aet: str = "DICOMNODE") -> subprocess.Popen[bytes]:
    """DCMTK sends files over one association."""
    program = require_tool("dcmsend")
    command = [program, "-aet", "SCANNER", "-aec", called_aet, "127.0.0.1", str(port), *files]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def shuffled_over_two_associations(port: int, files: list[Path], seed: int) -> None:
    """Send files in random order, half of them over each of two associations at once."""
    order = sorted(files)
    random.Random(seed).shuffle(order)
    for sender in [dcmsend(port, order[::2]), dcmsend(port, order[1::2])]:
        output, _ = sender.communicate(timeout=120)
        assert sender.returncode == 0, output.decode()


@dataclass
class Walk:
    node: NodeProcess
    pacs: Orthanc
    files: list[Path]
    seconds: float
    """From the last image's acknowledgement to the last result in the PACS."""

    def results(self) -> list[Dataset]:
        """All objects in Orthanc."""
        return [self.pacs.dataset(entry["ID"]) for entry in self.pacs.instances()]

    def one(self, sop_class: str) -> Dataset:
        """The only object of a class."""
        (found,) = [dataset for dataset in self.results() if sop_class == dataset.SOPClassUID]
        return found


@pytest.fixture(scope="module")
def walk(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    files = sorted((test_data / "liver-dual-echo-chaos1").rglob("*.dcm"))
    assert len(files) == 2 * SLICES
    folder = tmp_path_factory.mktemp("orthanc")
    with orthanc(folder) as pacs:
        node = NodeProcess(folder, free_port(), peers_of(pacs, commitment="true", receives=EVERY_KIND))
        node.start()
        pacs.introduce("DICOMNODE", node.port)
        shuffled_over_two_associations(node.port, files, seed=1)
        start = time.monotonic()
        until(lambda: pacs.count() == RESULTS, 120, "Orthanc holds all results")
        yield Walk(node=node, pacs=pacs, files=files, seconds=time.monotonic() - start)
        assert node.stop() == 0


def test_all_results_are_in_the_same_study_within_30_seconds(walk: Walk) -> None:
    source = dcmread(walk.files[0], stop_before_pixels=True)
    results = walk.results()
    counted = Counter(KINDS[dataset.SOPClassUID] for dataset in results)
    assert counted == {"SEG": 1, "RTSTRUCT": 1, "SR": 1, "PM": 1, "SC": SLICES + 1}
    assert {dataset.StudyInstanceUID for dataset in results} == {source.StudyInstanceUID}
    assert {(str(d.PatientName), d.PatientID) for d in results} == {(str(source.PatientName), source.PatientID)}
    assert source.SeriesInstanceUID not in {dataset.SeriesInstanceUID for dataset in results}
    assert walk.seconds < 30


def test_the_node_says_the_same(walk: Walk) -> None:
    (study,) = walk.node.ask("studies", "list")
    assert study["series"] == {"done": 1}
    (task,) = walk.node.settled(1)
    assert (task["plugin"], task["state"]) == ("fat_fraction", "done")
    assert task["deliveries"] == {"pacs": {"proven": RESULTS}}
    why = walk.node.cli("studies", "why", study["study_instance_uid"]).stdout
    assert "35 images: in-phase (score 1.00): echo time 4.635 ms at 1.5 T is in phase" in why
    assert "35 images: opposed-phase (score 1.00): echo time 2.302 ms at 1.5 T is opposed" in why


def test_dciodvfy_finds_no_error_outside_the_list(walk: Walk, tmp_path: Path) -> None:
    program = require_tool("dciodvfy")
    for entry in walk.pacs.instances():
        content = walk.pacs.file(entry["ID"])
        kind = KINDS[dcmread(io.BytesIO(content), stop_before_pixels=True).SOPClassUID]
        file = tmp_path / f"{kind}.dcm"
        file.write_bytes(content)
        assert unexpected(program, file, source=walk.files[0]) == set()


def frames_of(dataset: Dataset) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    """Pixels (frames, rows, columns) and the position of each frame."""
    positions = [
        tuple(float(v) for v in item.PlanePositionSequence[0].ImagePositionPatient)
        for item in dataset.PerFrameFunctionalGroupsSequence
    ]
    if "FloatPixelData" in dataset:
        pixels = np.frombuffer(dataset.FloatPixelData, np.float32).reshape(-1, dataset.Rows, dataset.Columns)
    else:
        pixels = dataset.pixel_array.reshape(-1, dataset.Rows, dataset.Columns)
    return pixels, positions


def numbers_of(report: Dataset) -> dict[tuple[str, str], float]:
    """(concept, derivation) to value, of every measurement in a report."""
    found: dict[tuple[str, str], float] = {}

    def visit(item: Dataset) -> None:
        if item.get("ValueType") == "NUM":
            name = item.ConceptNameCodeSequence[0].CodeMeaning
            children = {c.ConceptNameCodeSequence[0].CodeValue: c for c in item.get("ContentSequence", [])}
            derivation = children.get("121401")
            meaning = derivation.ConceptCodeSequence[0].CodeMeaning if derivation else ""
            found.setdefault((name, meaning), float(item.MeasuredValueSequence[0].NumericValue))
        for child in item.get("ContentSequence", []):
            visit(child)

    visit(report)
    return found


def test_values_in_the_report_equal_values_recomputed_from_the_map(walk: Walk) -> None:
    percent, positions = frames_of(parametric_map := walk.one(PM))
    mask, mask_positions = frames_of(segmentation := walk.one(SEG))
    segments = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    ]
    inside = np.zeros(percent.shape, bool)
    for plane, position, number in zip(mask, mask_positions, segments, strict=True):
        if number == 1:
            inside[positions.index(position)] = plane > 0
    values = percent[inside & (percent != np.float32(parametric_map.FloatPixelPaddingValue))].astype(np.float64)
    numbers = numbers_of(walk.one(SR))
    assert numbers["Fat fraction", "Mean"] == pytest.approx(values.mean(), abs=0.006)
    assert numbers["Fat fraction", "Median"] == pytest.approx(np.median(values), abs=0.006)
    assert numbers["Fat fraction", "Standard Deviation"] == pytest.approx(values.std(), abs=0.006)


def test_the_map_is_the_formula_on_the_images(walk: Walk) -> None:
    percent, positions = frames_of(parametric_map := walk.one(PM))
    pairs: dict[tuple[float, ...], dict[str, np.ndarray]] = {}
    for file in walk.files:
        image = dcmread(file)
        echo = "in" if image.EchoTime > 4 else "opposed"
        pairs.setdefault(tuple(map(float, image.ImagePositionPatient)), {})[echo] = image.pixel_array.astype(np.float64)
    padding = np.float32(parametric_map.FloatPixelPaddingValue)
    for plane, position in zip(percent, positions, strict=True):
        in_phase, opposed = pairs[position]["in"], pairs[position]["opposed"]
        valid = plane != padding
        expected = 50 * (in_phase - opposed)[valid] / in_phase[valid]
        np.testing.assert_allclose(plane[valid], expected, atol=1e-3)
    assert np.mean(percent != padding) > 0.1


def test_sending_the_exam_again_and_running_the_task_again_add_nothing(walk: Walk) -> None:
    before = {entry["ID"]: walk.pacs.file(entry["ID"]) for entry in walk.pacs.instances()}
    shuffled_over_two_associations(walk.node.port, walk.files, seed=2)
    (task,) = walk.node.settled(1)
    walk.node.cli("tasks", "retry", task["task_id"])
    until(lambda: walk.node.settled(1)[0]["attempt"] == 2, 60, "the second attempt")
    (task,) = walk.node.settled(1)
    assert (task["state"], task["deliveries"]) == ("done", {"pacs": {"proven": RESULTS}})
    assert {entry["ID"]: walk.pacs.file(entry["ID"]) for entry in walk.pacs.instances()} == before


def test_a_field_map_that_looks_like_a_dual_echo_yields_no_fat_fraction(walk: Walk, test_data: Path) -> None:
    files = sorted((test_data / "head-siemens-dual-echo-gre").rglob("*.dcm"))
    before = walk.pacs.count()
    shuffled_over_two_associations(walk.node.port, files, seed=3)
    study = str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)

    def outcome() -> str:
        (series,) = [s["series"] for s in walk.node.ask("studies", "list") if s["study_instance_uid"] == study]
        return "" if "pending" in series else str(series)

    assert until(outcome, 60, "the field map is judged") == "{'not applicable': 1}"
    (line,) = [
        line for line in walk.node.cli("studies", "why", study).stdout.splitlines() if line.startswith("fat_fraction:")
    ]
    assert "neither in phase nor opposed" in line
    assert walk.pacs.count() == before


def test_dcmqi_reads_the_mask_that_the_plugin_drew(walk: Walk, tmp_path: Path) -> None:
    program = require_tool("segimage2itkimage", str(Path(sys.executable).parent))
    (tmp_path / "seg.dcm").write_bytes(walk.pacs.file(_id_of(walk, SEG)))
    arguments = ["--inputDICOM", tmp_path / "seg.dcm", "--outputDirectory", tmp_path, "--outputType", "nrrd"]
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout
    image = SimpleITK.ReadImage(str(tmp_path / "1.nrrd"))
    (case_directory,) = (walk.node.data / "cases").glob("*-1")
    case = wire.read_case(case_directory)
    (drawn,) = [f for f in wire.read_findings(case_directory, case) if isinstance(f, Segmentation)]
    found = _points(SimpleITK.GetArrayFromImage(image) == 1, itk_affine(image))
    assert len(found) > 50_000
    np.testing.assert_allclose(found, _points(drawn.labels == 1, case.volume("in_phase").affine), atol=0.01)


def _id_of(walk: Walk, sop_class: str) -> str:
    (found,) = [e["ID"] for e in walk.pacs.instances() if walk.pacs.dataset(e["ID"]).SOPClassUID == sop_class]
    return str(found)


def itk_affine(image: SimpleITK.Image) -> np.ndarray:
    """From voxel (x, y, z, 1) to LPS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return affine


def _points(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Positions of the voxels of a mask, LPS mm, in an order of their own."""
    z, y, x = np.nonzero(mask)
    points = (affine @ np.stack([x, y, z, np.ones_like(x)]))[:3].T
    return points[np.lexsort(points.round(1).T)]
