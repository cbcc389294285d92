"""Six complex echoes from DICOM files through the node's own reading and matching, and the map back from DICOM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fat_fraction import multi_echo as bench
from dicomnode.demo import results
from dicomnode.encode import Work, encode
from dicomnode.errors import Unsuitable
from dicomnode.sdk import ParametricMap
from dicomnode_plugins.fat_fraction.multi_echo import SPEC
from dicomnode_plugins.fat_fraction.multi_echo.run import run
from tests import builders
from tests.plugins.fat_fraction.exams import Steps, case_of, planned

SLICES = 3
_MIDDLE = 2048
"""Stored value of no signal: real and imaginary parts have both signs."""


def write(folder: Path, exam: bench.MultiEcho, components: tuple[str, ...] = ("R", "I")) -> None:
    """Each part of each echo as a series of its own, all of one acquisition."""
    grid = builders.grid(exam.percent.shape, spacing=(8.0, 1.6, 1.48))
    attributes = {
        "MagneticFieldStrength": exam.tesla,
        "RepetitionTime": 15.0,
        "FlipAngle": 4.0,
        "RescaleSlope": 1.0,
        "RescaleIntercept": -_MIDDLE,
    }
    for number, (echo, seconds) in enumerate(zip(exam.signal, exam.times, strict=True)):
        for component, part in (("R", echo.real), ("I", echo.imag)):
            if component in components:
                builders.mr_series(
                    folder,
                    geometry=grid,
                    array=np.clip(np.rint(1000 * part) + _MIDDLE, 0, 4095).astype(np.uint16),
                    series=f"{component}-{number}",
                    echo_time=round(1000 * float(seconds), 4),
                    image_type=("ORIGINAL", "PRIMARY", component),
                    attributes=attributes,
                )


def test_the_map_read_back_is_the_truth(tmp_path: Path) -> None:
    exam = bench.body(2, 1.5, "liver", slices=SLICES)
    write(tmp_path / "exam", exam)
    task, paths = planned(tmp_path / "exam", SPEC)
    assert len(task.inputs) == 12
    found = run(case_of(tmp_path / "exam", SPEC), Steps())
    stacks = {chosen.role: chosen.stack for chosen in task.inputs}
    work = Work(
        task_id=task.task_id,
        spec=SPEC,
        parameters=task.parameters,
        mode="research",
        kinds=frozenset({"PM", "SR", "SC"}),
        inputs={role: tuple(paths[uid] for uid in stack.instances) for role, stack in stacks.items()},
        geometry={role: stack.geometry for role, stack in stacks.items() if stack.geometry is not None},
    )
    (tmp_path / "back").mkdir()
    for number, result in enumerate(encode([f for f in found if not _other_map(f)], work)):
        (tmp_path / "back" / f"{number}.dcm").write_bytes(result.content)
    percent = results.read(tmp_path / "back").volume()
    tissue = exam.body & (exam.percent < 50) & np.isfinite(percent)
    assert tissue.sum() > 0.5 * exam.body.sum()
    errors = (percent - exam.percent)[tissue]
    assert np.median(errors) == pytest.approx(0, abs=0.3)
    assert np.mean(np.abs(errors) > bench.SWAPPED) < 1e-4


def _other_map(finding: object) -> bool:
    return isinstance(finding, ParametricMap) and finding.label != "PDFF"


def test_real_parts_alone_are_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path, bench.body(2, 1.5, "liver", slices=SLICES), ("R",))
    with pytest.raises(Unsuitable, match="no imaginary"):
        case_of(tmp_path, SPEC)
