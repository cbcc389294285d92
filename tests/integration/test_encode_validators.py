"""Result objects before readers and validators that know nothing of us: dicom3tools, DCMTK, dcmqi."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from pydicom import Dataset, dcmread

from dicomnode.domain.task import ResultObject
from dicomnode.encode import Work, encode
from dicomnode.sdk import Code, Finding, Measurement, ParametricMap, Segmentation, codes
from tests import builders, cases
from tests.integration.dciodvfy import complaints, news
from tests.integration.dciodvfy_allowed import ILLEGAL_UID, SIDE_UNKNOWN
from tests.unit.encode import written

SHAPE = (6, 72, 64)
NAME = "Yamada^Tarou=山田^太郎"
OBLIQUE = ((0.96, 0.2, 0.1), (-0.19, 0.97, -0.12))

Tool = Callable[..., Path]


PRESENTATIONS = ("PR As it is", "PR In colour", "PR Laid over")


@pytest.fixture(scope="module")
def findings() -> list[Finding]:
    return [*cases.findings(SHAPE), *cases.aligned(SHAPE)]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("inputs")
    grid = builders.grid(SHAPE, orientation=OBLIQUE)
    name = {"PatientName": NAME, "InstitutionName": "Klinik Süd"}
    sets = (["", "ISO 2022 IR 100", "ISO 2022 IR 87"], 4.6, "in-phase"), ("ISO_IR 192", 2.3, "opposed-phase")
    inputs = {
        role: builders.mr_series(
            folder,
            geometry=grid,
            series=role,
            echo_time=echo,
            character_set=terms,
            attributes={**name, "FrameOfReferenceUID": builders.uid("frame", role)},
        )
        for terms, echo, role in sets
    }
    return cases.work(inputs, dict.fromkeys(inputs, grid), kinds=cases.EVERY_KIND)


@pytest.fixture(scope="module")
def files(task: Work, findings: list[Finding], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each kind, and every presentation state."""
    return write(encode(findings, task), tmp_path_factory.mktemp("results"))


def write(results: Sequence[ResultObject], folder: Path) -> dict[str, Path]:
    paths = {}
    for result in results:
        names = [result.kind, *([f"PR {result.description.partition(' (')[0]}"] if result.kind == "PR" else [])]
        for name in names:
            paths[name] = folder / f"{name}.dcm"
            paths[name].write_bytes(result.content)
    return paths


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)


def test_dciodvfy_has_nothing_new_to_say(files: dict[str, Path], require_tool: Tool) -> None:
    program = require_tool("dciodvfy")
    assert set(files) == {*cases.EVERY_KIND, *PRESENTATIONS}
    assert {name: found for name, file in files.items() if (found := news(program, file))} == {}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("liver-dual-echo-chaos1/inphase", "liver-dual-echo-chaos1/outphase"),
        ("head-philips-elition/dwi-b0-ax", "head-philips-elition/dwi-b1000-ax"),
        ("head-siemens-repositioned/HFS-t1-sag", "head-siemens-repositioned/HFS-t1-sag"),
        ("head-ge-pd/pd-ax", "head-ge-pd/pd-ax"),
    ],
)
def test_dciodvfy_has_nothing_to_add_to_what_it_says_of_real_sources(
    one: str, other: str, test_data: Path, tmp_path: Path, require_tool: Tool
) -> None:
    program = require_tool("dciodvfy")
    inputs = {role: cases.files_of(test_data / name) for role, name in (("in-phase", one), ("opposed-phase", other))}
    work = cases.work({r: pair[0] for r, pair in inputs.items()}, {r: pair[1] for r, pair in inputs.items()})
    work = replace(work, kinds=cases.EVERY_KIND)
    shape = inputs["in-phase"][1].shape
    inherited = complaints(program, inputs["in-phase"][0][0]) | {SIDE_UNKNOWN}
    results = write(encode([*cases.findings(shape), *cases.aligned(shape)], work), tmp_path)
    assert {*results} >= {*cases.EVERY_KIND, *PRESENTATIONS} - {"REG"}
    for file in results.values():
        assert {line for line in news(program, file) - inherited if not line[1].startswith(ILLEGAL_UID)} == set()


@pytest.mark.parametrize("kind", ["SR", "SR-VIEWER", "KOS"])
def test_dcmtk_renders_every_document(kind: str, files: dict[str, Path], tmp_path: Path, require_tool: Tool) -> None:
    dump = run(require_tool("dsrdump"), files[kind])
    assert dump.returncode == 0
    said = {line for line in dump.stderr.splitlines() if line.strip()}
    assert said <= {
        "W: The VR checker does not support this Specific Character Set: ISO_IR 192",
        "W: Check for template constraints not yet supported",
    }
    assert run(require_tool("dsr2html"), files[kind], tmp_path / "page.html").returncode == 0


def test_dciodvfy_has_nothing_to_say_of_a_proposal(
    task: Work, findings: list[Finding], tmp_path: Path, require_tool: Tool
) -> None:
    (finding,) = [finding for finding in findings if isinstance(finding, Segmentation)]
    segments = tuple(
        replace(segment, label=f"{segment.label} proposal", proposes="GTV", type=Code("228791009", "SCT", "GTV"))
        for segment in finding.segments
    )
    kinds = replace(task, kinds=frozenset({"SEG", "RTSTRUCT"}))
    files = write(encode([replace(finding, segments=segments)], kinds), tmp_path)
    assert {kind: complaints(require_tool("dciodvfy"), file) for kind, file in files.items()} == {
        "SEG": set(),
        "RTSTRUCT": set(),
    }


@pytest.mark.parametrize("name", PRESENTATIONS)
def test_dcmtk_passes_every_presentation_state(
    name: str, files: dict[str, Path], tmp_path: Path, require_tool: Tool
) -> None:
    state = dcmread(files[name])
    state.PatientName, state.InstitutionName = "Phantom^Test", "Clinic"  # this DCMTK checks UTF-8 as if it were ASCII
    state.save_as(tmp_path / "state.dcm")
    done = run(require_tool("dcmpschk"), tmp_path / "state.dcm")
    assert done.returncode == 0
    assert "Test passed" in done.stderr


@pytest.mark.parametrize("kind", ["SC", "MR", "SEG", "LABELMAP", "PM16"])
def test_dcmtk_decodes_every_picture(kind: str, files: dict[str, Path], tmp_path: Path, require_tool: Tool) -> None:
    picture = tmp_path / "picture.png"
    done = run(require_tool("dcmj2pnm"), "+on", "+F", 1, files[kind], picture)
    assert done.returncode == 0, done.stderr
    assert picture.stat().st_size


def test_dcmtk_takes_the_document_out(files: dict[str, Path], tmp_path: Path, require_tool: Tool) -> None:
    paper = tmp_path / "report.pdf"
    assert run(require_tool("dcm2pdf"), files["PDF"], paper).returncode == 0
    content = paper.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") == 1
    assert b"Date" not in content
    assert not any(word in content for word in (b"Yamada", b"TEST-1", "山田".encode()))


def test_a_name_survives_into_every_object(files: dict[str, Path]) -> None:
    read = {name: dcmread(file) for name, file in files.items()}
    assert {(str(d.PatientName), d.SpecificCharacterSet) for d in read.values()} == {(NAME, "ISO_IR 192")}


def test_dcmtk_reads_and_renders_the_report(files: dict[str, Path], tmp_path: Path, require_tool: Tool) -> None:
    dump = run(require_tool("dsrdump"), files["SR"])
    assert dump.returncode == 0
    assert '"Fat fraction")="12.35" (%,UCUM,"Percent")' in dump.stdout
    said = {line for line in dump.stderr.splitlines() if line.strip()}
    assert said <= {"W: The VR checker does not support this Specific Character Set: ISO_IR 192"}
    page = tmp_path / "report.html"
    assert run(require_tool("dsr2html"), files["SR"], page).returncode == 0
    assert "NOT FOR DIAGNOSTIC USE" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["SEG", "LABELMAP"])
def test_dcmqi_reads_the_mask_voxel_for_voxel_in_patient_space(
    kind: str, files: dict[str, Path], findings: list[Finding], task: Work, tmp_path: Path, require_tool: Tool
) -> None:
    program = require_tool("segimage2itkimage", str(Path(sys.executable).parent))
    done = run(program, "--inputDICOM", files[kind], "--outputDirectory", tmp_path, "--outputType", "nrrd")
    assert done.returncode == 0, done.stdout
    (finding,) = [finding for finding in findings if isinstance(finding, Segmentation)]
    affine = np.asarray(task.geometry["in-phase"].affine())
    for number in (1, 2):
        image = SimpleITK.ReadImage(str(tmp_path / f"{1 if kind == 'LABELMAP' else number}.nrrd"))
        mask = SimpleITK.GetArrayFromImage(image) == number
        indices = np.argwhere(mask)[:, ::-1].tolist()
        found = [image.TransformIndexToPhysicalPoint(index) for index in indices]
        z, y, x = np.nonzero(finding.labels == number)
        expected = (affine @ np.stack([x, y, z, np.ones_like(x)]))[:3].T
        np.testing.assert_allclose(_sorted(found), _sorted(expected), atol=0.01)


def _sorted(points: object) -> np.ndarray:
    array = np.asarray(points, float)
    return array[np.lexsort(array.round(1).T)]


def test_dcmqi_reads_the_numbers(
    files: dict[str, Path], findings: list[Finding], tmp_path: Path, require_tool: Tool
) -> None:
    program = require_tool("tid1500reader", str(Path(sys.executable).parent))
    target = tmp_path / "report.json"
    assert run(program, "--inputDICOM", files["SR"], "--outputMetadata", target).returncode == 0
    groups = json.loads(target.read_text(encoding="utf-8"))["Measurements"]
    read = {
        (group["TrackingIdentifier"], item["quantity"]["CodeValue"], item["units"]["CodeValue"], float(item["value"]))
        for group in groups
        for item in group["measurementItems"]
    }
    assert read >= {
        (m.of, m.name.value, m.unit.value, round(m.value, m.decimals))
        for m in findings
        if isinstance(m, Measurement) and m.of
    }
    segments = dcmread(files["SEG"]).SegmentSequence
    assert {(g["TrackingIdentifier"], g["TrackingUniqueIdentifier"], g["ReferencedSegment"]) for g in groups[:2]} == {
        (segment.SegmentLabel, segment.TrackingUID, segment.SegmentNumber) for segment in segments
    }


def test_a_planar_group_is_valid_and_its_numbers_are_read(
    task: Work, findings: list[Finding], tmp_path: Path, require_tool: Tool
) -> None:
    (finding,) = [finding for finding in findings if isinstance(finding, Segmentation)]
    labels = finding.labels.copy()
    labels[:2][labels[:2] == 2] = 0
    said = [replace(finding, labels=labels), *(f for f in findings if isinstance(f, Measurement))]
    files = write(encode(said, replace(task, kinds=frozenset({"SR"}))), tmp_path)
    groups = [node for node in written.nodes(dcmread(files["SR"])) if written.name(node) == "Measurement Group"]
    assert [group.ContentTemplateSequence[0].TemplateIdentifier for group in groups] == ["1411", "1410", "1501"]
    assert news(require_tool("dciodvfy"), files["SR"]) == set()
    dump = run(require_tool("dsrdump"), files["SR"])
    assert "Referenced Segmentation Frame" in dump.stdout
    assert {line for line in dump.stderr.splitlines() if line.strip()} <= {
        "W: The VR checker does not support this Specific Character Set: ISO_IR 192"
    }
    program = require_tool("tid1500reader", str(Path(sys.executable).parent))
    target = tmp_path / "report.json"
    assert run(program, "--inputDICOM", files["SR"], "--outputMetadata", target).returncode == 0
    read = json.loads(target.read_text(encoding="utf-8"))["Measurements"]
    assert ("Focus", [-1.5]) in [
        (group["TrackingIdentifier"], [float(item["value"]) for item in group["measurementItems"]]) for group in read
    ]


def test_pydicom_reads_the_map_exactly(files: dict[str, Path], findings: list[Finding]) -> None:
    dataset = dcmread(files["PM"])
    (finding,) = [finding for finding in findings if isinstance(finding, ParametricMap)]
    numbers = {builders.uid("instance", "study", "in-phase", number): number for number in range(SHAPE[0])}
    slices = [
        numbers[source.ReferencedSOPInstanceUID]
        for frame in dataset.PerFrameFunctionalGroupsSequence
        for source in frame.DerivationImageSequence[0].SourceImageSequence
        if source.ReferencedSOPInstanceUID in numbers
    ]
    values = np.full(SHAPE, np.nan, np.float32)
    values[slices] = np.where(dataset.pixel_array == dataset.FloatPixelPaddingValue, np.nan, dataset.pixel_array)
    np.testing.assert_array_equal(values, finding.array)
    mapping = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1, 0)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == codes.PERCENT.value


def _without_content_label(dataset: Dataset) -> None:
    del dataset.ContentLabel


def _segment_that_is_not(dataset: Dataset) -> None:
    dataset.SegmentSequence[1].SegmentNumber = 4


def _conversion_that_is_none(dataset: Dataset) -> None:
    dataset.ConversionType = "NONSENSE"


@pytest.mark.parametrize(
    ("kind", "change"),
    [("SEG", _without_content_label), ("SEG", _segment_that_is_not), ("SC", _conversion_that_is_none)],
)
def test_dciodvfy_does_complain_of_faults(
    kind: str, change: Callable[[Dataset], None], files: dict[str, Path], tmp_path: Path, require_tool: Tool
) -> None:
    """The validator must be able to fail, or its silence proves nothing."""
    dataset = dcmread(BytesIO(files[kind].read_bytes()))
    change(dataset)
    dataset.save_as(tmp_path / "faulty.dcm")
    assert news(require_tool("dciodvfy"), tmp_path / "faulty.dcm")


def test_dcmqi_does_notice_swapped_sides(
    files: dict[str, Path], findings: list[Finding], task: Work, tmp_path: Path, require_tool: Tool
) -> None:
    dataset = dcmread(files["SEG"])
    plane = dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [
        *(-float(value) for value in plane.ImageOrientationPatient[:3]),
        *plane.ImageOrientationPatient[3:],
    ]
    dataset.save_as(tmp_path / "swapped.dcm")
    with pytest.raises(AssertionError):
        test_dcmqi_reads_the_mask_voxel_for_voxel_in_patient_space(
            "SEG", {"SEG": tmp_path / "swapped.dcm"}, findings, task, tmp_path, require_tool
        )
