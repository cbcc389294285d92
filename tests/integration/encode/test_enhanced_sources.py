"""Every kind of result object on the frames of one Enhanced MR image."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicomnode.dicom import header
from dicomnode.dicom.stacks import stacks
from dicomnode.encode import encode, kos
from tests import builders, cases
from tests.enhanced import enhance
from tests.integration.dciodvfy import complaints, news
from tests.integration.dciodvfy_allowed import ILLEGAL_UID, SIDE_UNKNOWN
from tests.peers.tools import require_tool
from tests.unit.encode.written import of_kind

SHAPE = (5, 70, 64)
PHYSICS = {
    "RescaleSlope": 2.0, "RescaleIntercept": -5.0, "RescaleType": "US", "RepetitionTime": 100, "FlipAngle": 10,
    "EchoTrainLength": 1, "EchoNumbers": 1, "ImagingFrequency": 63.8, "ImagedNucleus": "1H", "ScanningSequence": "GR",
    "SequenceVariant": "SP", "AcquisitionDate": "20240229", "AcquisitionTime": "082200",
}  # fmt: skip


def frames(image: Dataset, echo_time: float) -> tuple[int, ...]:
    """Numbers of an echo's frames, in slice order."""
    places = [
        (float(groups.PlanePositionSequence[0].ImagePositionPatient[2]), number)
        for number, groups in enumerate(image.PerFrameFunctionalGroupsSequence, start=1)
        if abs(groups.MREchoSequence[0].EffectiveEchoTime - echo_time) < 0.01
    ]
    return tuple(number for _, number in sorted(places))


def test_every_kind_names_its_frames_and_passes(tmp_path: Path) -> None:
    grid = builders.grid(SHAPE)
    echoes = {"in-phase": 4.6, "opposed-phase": 2.3}
    classic = [
        path
        for role, echo in echoes.items()
        for path in builders.mr_series(tmp_path, geometry=grid, series=role, echo_time=echo, attributes=PHYSICS)
    ]
    file = enhance(classic, tmp_path / "enhanced.dcm")
    source = dcmread(file)
    numbers = {role: frames(source, echo) for role, echo in echoes.items()}
    inputs = {role: [file] * SHAPE[0] for role in echoes}
    work = cases.work(inputs, dict.fromkeys(echoes, grid), kinds=cases.EVERY_KIND, frames=numbers)
    results = encode([*cases.findings(SHAPE), *cases.aligned(SHAPE)], work)
    gray = of_kind(results, "PR")[0]
    (shown,) = gray.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert (shown.ReferencedSOPInstanceUID, tuple(shown.ReferencedFrameNumber)) == (
        source.SOPInstanceUID,
        numbers["in-phase"],
    )
    assert gray.SoftcopyVOILUTSequence[0].WindowCenter == (900 + 5) / 2  # stored values of this scaling
    assert kos.referenced(of_kind(results, "KOS")[0]) == {(source.SOPInstanceUID, numbers["in-phase"][1])}
    program, seen = require_tool("dciodvfy"), set()
    for result in results:
        if (result.kind, result.description) not in seen:
            seen.add((result.kind, result.description))
            path = tmp_path / "result.dcm"
            path.write_bytes(result.content)
            assert news(program, path) == set(), result.kind
    assert {kind for kind, _ in seen} == cases.EVERY_KIND - {"REG"}


@pytest.mark.parametrize(
    "folder",
    [
        "head-philips-elition/dual-echo-gre-enhanced",
        "head-siemens-xa30-enhanced/gre-fieldmap-mag-2echo",
    ],
)
def test_every_kind_on_two_stacks_of_a_scanner_adds_no_complaint(folder: str, test_data: Path, tmp_path: Path) -> None:
    paths = {header.read_file(path).sop_instance_uid: path for path in sorted((test_data / folder).iterdir())}
    found = stacks([header.read_file(path) for path in paths.values()])
    volumes = [stack for stack in found if stack.geometry is not None and stack.frames]
    assert len(volumes) > 1
    chosen = dict(zip(("in-phase", "opposed-phase"), (volumes[0], volumes[-1]), strict=True))
    inputs = {role: [paths[uid] for uid in stack.instances] for role, stack in chosen.items()}
    grids = {role: stack.geometry for role, stack in chosen.items() if stack.geometry is not None}
    numbers = {role: stack.frames for role, stack in chosen.items()}
    shape = grids["in-phase"].shape
    work = cases.work(inputs, grids, kinds=cases.EVERY_KIND, frames=numbers)
    results = encode([*cases.findings(shape), *cases.aligned(shape)], work)
    source = dcmread(inputs["in-phase"][0], stop_before_pixels=True)
    program = require_tool("dciodvfy")
    inherited = complaints(program, inputs["in-phase"][0]) | {SIDE_UNKNOWN}
    for kind, result in {(result.kind, result.description): result for result in results}.items():
        path = tmp_path / "result.dcm"
        path.write_bytes(result.content)
        written = dcmread(path, stop_before_pixels=True)
        assert (written.PatientID, written.StudyInstanceUID) == (source.PatientID, source.StudyInstanceUID)
        added = {line for line in news(program, path) - inherited if not line[1].startswith(ILLEGAL_UID)}
        assert added == set(), kind
    assert {result.kind for result in results} >= cases.EVERY_KIND - {"REG"}
