"""Every kind of result object on the frames of one Enhanced MR image."""

from __future__ import annotations

from pathlib import Path

from pydicom import Dataset, dcmread

from dicomnode.encode import encode, kos
from tests import builders, cases
from tests.enhanced import enhance
from tests.integration.dciodvfy import news
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
