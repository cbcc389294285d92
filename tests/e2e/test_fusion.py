"""Phantom pairs of two makers and drawn regions go in by C-STORE; pictures, figures and ratios come out in Orthanc."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom import Dataset, dcmread

from benchmarks.fusion import pairs
from benchmarks.fusion.files import series
from benchmarks.fusion.pairs import Pair
from dicomnode.domain.stack import Geometry
from dicomnode.sdk import Labels
from dicomnode_plugins.fusion.codes import LESIONS
from tests.builders import CORONAL, grid
from tests.drawn import Structure, draw
from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import shuffled_over_two_associations
from tests.integration.dciodvfy import unexpected
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port, require_tool
from tests.plugins.fusion.files import TIMINGS, write_pair
from tests.plugins.fusion.scenes import drawn

MAKERS = os.environ.get("DICOMNODE_MAKERS", "philips").split(",")
"""Whose geometry the pairs have; ``make test-fusion`` walks with both."""

KINDS = {
    "1.2.840.10008.5.1.4.1.1.88.34": "SR",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.66.1": "REG",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.11.8": "PR",
}


@dataclass
class Walk:
    pair: Pair
    folder: Path
    files: list[Path]
    pacs: Orthanc

    def results(self) -> list[Dataset]:
        """All objects in Orthanc."""
        return [self.pacs.dataset(entry["ID"]) for entry in self.pacs.instances()]

    def one(self, kind: str) -> Dataset:
        """The only object of a kind."""
        (found,) = [dataset for dataset in self.results() if KINDS[dataset.SOPClassUID] == kind]
        return found


def regions(pair: Pair) -> Labels:
    """Nerve and muscle of both sides, and a lesion on the left, as a reader draws them on the CE-MRN."""
    labels = drawn(pair)
    labels.array[0, 0, :4] = len(labels.segments) + 1
    return replace(labels, segments=(*labels.segments, replace(labels.segments[0], label="tumour", type=LESIONS[0])))


def structures(labels: Labels) -> list[Structure]:
    """Its segments, for a file."""
    return [Structure(label=s.label, category=s.category, type=s.type, side=s.side) for s in labels.segments]


def of_the_mrn(pair: Pair) -> Geometry:
    """The grid on which the regions were drawn."""
    mrn = pair.mrn
    x, y, z = (float(value) for value in mrn.affine[:3, 3])
    return grid(mrn.array.shape, origin=(x, y, z), spacing=mrn.spacing, orientation=CORONAL)


@pytest.fixture(scope="module", params=MAKERS)
def walk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    manufacturer = next(name for name in TIMINGS if name.lower().startswith(request.param))
    pair = pairs.make(request.param, 2, degrees=10, millimetres=15, step=2)
    folder = tmp_path_factory.mktemp("fusion")
    files = write_pair(folder / "exam", pair, manufacturer)
    labels = regions(pair)
    mrn = [file for file in files if file.name.startswith("1-2-")]
    seg = draw(folder / "drawn.dcm", mrn, of_the_mrn(pair), labels.array, structures=structures(labels))
    with orthanc(folder) as pacs:
        peers = f"""
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
host = "{pacs.host}"
port = {pacs.dicom_port}
receives = ["SR", "SC", "MR", "REG", "PR", "SEG"]
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""
        node = NodeProcess(folder, free_port(), peers)
        node.start()
        shuffled_over_two_associations(node.port, [*files, seg], seed=3)
        until(lambda: any(task["plugin"] == "fusion" for task in node.settled(1)), 90, "the fusion is done")
        wanted = 2 * pair.t1.array.shape[0] + 4
        until(lambda: pacs.count() > wanted and node.ask("tasks", "list")[0]["state"] == "done", 120, "results arrive")
        yield Walk(pair=pair, folder=folder, files=files, pacs=pacs)
        assert node.stop() == 0


def test_every_kind_of_object_arrives(walk: Walk) -> None:
    slices = walk.pair.t1.array.shape[0]
    counted = Counter(KINDS[dataset.SOPClassUID] for dataset in walk.results())
    single = {"SR": 1, "REG": 1, "PR": 1, "SEG": 1}
    assert {kind: counted[kind] for kind in ("SR", "REG", "PR", "SEG", "MR")} == {**single, "MR": slices}
    assert counted["SC"] > slices + 24


def test_dciodvfy_finds_no_error_outside_the_list(walk: Walk, tmp_path: Path) -> None:
    program = require_tool("dciodvfy")
    first_of_series = {}
    for entry in walk.pacs.instances():
        content = walk.pacs.file(entry["ID"])
        header = dcmread(io.BytesIO(content), stop_before_pixels=True)
        first_of_series.setdefault(header.SeriesInstanceUID, (KINDS[header.SOPClassUID], content))
    news = set()
    for kind, content in first_of_series.values():
        if kind == "PR":  # the tool is older than Advanced Blending and knows none of its attributes
            continue
        file = tmp_path / f"{kind}.dcm"
        file.write_bytes(content)
        news |= {(kind, *line) for line in unexpected(program, file, source=walk.files[0])}
    assert news == set()


def ratios_of(report: Dataset, side: str = "") -> Iterator[tuple[str, str, float]]:
    """Code, side (SCT, of the group it stands in) and value of each ratio in a report."""
    items = report.get("ContentSequence", ())
    for site in (item for item in items if coded(item) == "363698007"):
        side = next((b.ConceptCodeSequence[0].CodeValue for b in site.get("ContentSequence", ())), side)
    for item in items:
        if item.ValueType == "NUM" and coded(item).startswith("NERVE_RATIO"):
            yield coded(item), side, float(item.MeasuredValueSequence[0].NumericValue)
        yield from ratios_of(item, side)


def coded(item: Dataset) -> str:
    """The value of the concept's code."""
    return str(item.ConceptNameCodeSequence[0].CodeValue) if "ConceptNameCodeSequence" in item else ""


def test_nerve_over_muscle_in_the_regions_sent_comes_back_in_the_report(walk: Walk) -> None:
    labels = regions(walk.pair)
    means = [float(walk.pair.mrn.array[labels.array == n].mean()) for n in range(1, 5)]
    left, right = means[0] / means[1], means[2] / means[3]
    assert abs(left - right) > 0.01, "the sides can be told apart"
    assert {(code, side): value for code, side, value in ratios_of(walk.one("SR"))} == {
        ("NERVE_RATIO", "7771000"): pytest.approx(left, abs=0.001),
        ("NERVE_RATIO", "24028007"): pytest.approx(right, abs=0.001),
        ("NERVE_RATIOS", ""): pytest.approx(left / right, abs=0.001),
    }
    segments = [segment.SegmentLabel for segment in walk.one("SEG").SegmentSequence]
    assert segments == ["Nerve, left", "Muscle, left", "Nerve, right", "Muscle, right"]


def matrix_of(registration: Dataset) -> np.ndarray:
    """From the CE-MRN's frame of reference to that of the CE-T1."""
    matrices = [
        np.array(matrix.FrameOfReferenceTransformationMatrix, float).reshape(4, 4)
        for item in registration.RegistrationSequence
        for steps in item.MatrixRegistrationSequence
        for matrix in steps.MatrixSequence
    ]
    return max(matrices, key=lambda matrix: float(np.abs(matrix - np.eye(4)).max()))


def test_the_registration_is_the_pose(walk: Walk) -> None:
    assert walk.pair.errors(np.linalg.inv(matrix_of(walk.one("REG")))).mean() < 0.35


def test_an_independent_program_reproduces_the_derived_series_from_the_registration(walk: Walk, tmp_path: Path) -> None:
    for number, dataset in enumerate(d for d in walk.results() if KINDS[d.SOPClassUID] == "MR"):
        dataset.save_as(tmp_path / f"{number:03}.dcm", enforce_file_format=True)
    derived = series(tmp_path)
    fixed, moving = (
        sitk.ReadImage([str(file) for file in walk.files if file.name.startswith(f"1-{number}-")], sitk.sitkFloat32)
        for number in (1, 2)
    )
    # What is much finer than the base is averaged over whole blocks before it is resampled.
    blocks = [max(1, int(min(fixed.GetSpacing()) / spacing + 0.25)) for spacing in moving.GetSpacing()]
    moving = sitk.BinShrink(moving, blocks)
    back = np.linalg.inv(matrix_of(walk.one("REG")))

    def resampled(shift: tuple[float, float, float]) -> np.ndarray:
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(back[:3, :3].ravel().tolist())
        transform.SetTranslation((back[:3, 3] + shift).tolist())
        return sitk.GetArrayFromImage(sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0))

    here = resampled((0.0, 0.0, 0.0))
    covered = here > 0
    stored = derived.array[covered]
    scale = float(here[covered] @ stored / (stored @ stored))  # the program does not read the real world value mapping
    gap = float(np.median(np.abs(here[covered] - scale * stored)))
    for axis in np.eye(3):
        tenth = tuple(0.1 * axis)
        assert gap < 0.5 * float(np.median(np.abs(here - resampled(tenth))[covered]))  # type: ignore[arg-type]
