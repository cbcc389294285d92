"""Dual-echo cases for the plugin, in memory or through DICOM files and the node's own assembly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dicomnode.assemble.matching import match
from dicomnode.demo.phantom import Exam, Truth, acquire
from dicomnode.dicom import volume
from dicomnode.dicom.header import read_file
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.exam import PlannedTask
from dicomnode.domain.identity import digest_of
from dicomnode.errors import Unsuitable
from dicomnode.sdk import (
    Case,
    Finding,
    Measurement,
    ParametricMap,
    PluginSpec,
    QualitativeEvaluation,
    Segmentation,
    Volume,
)
from dicomnode.sdk.codes import FAT_FRACTION
from dicomnode.sdk.verify import verify
from dicomnode_plugins.fat_fraction import SPEC, dual_echo
from dicomnode_plugins.fat_fraction.run import run

SMALL = (12, 96, 128)


@dataclass
class Steps:
    """A context that remembers what it was told."""

    threads: int = 1
    told: list[tuple[float, str]] = field(default_factory=list)

    def progress(self, fraction: float, step: str) -> None:
        self.told.append((fraction, step))


def case(exam: Exam, **parameters: Any) -> tuple[Case, Truth]:
    """The exam without any file."""
    signals, truth = acquire(exam)
    affine = np.array(truth.geometry.affine())
    opposed, in_phase = (
        Volume(
            array=array,
            affine=affine,
            acquisition={
                "EchoTime": time,
                "MagneticFieldStrength": exam.field_strength,
                "RepetitionTime": 150.0,
                "FlipAngle": 70.0,
            },
        )
        for array, time in zip((signals.opposed, signals.in_phase), exam.echo_times, strict=True)
    )
    return Case(volumes={"in_phase": in_phase, "opposed_phase": opposed}, parameters=SPEC.resolve(parameters)), truth


def findings(case: Case) -> list[Finding]:
    """What the plugin finds, proven to be writable."""
    found = run(case, Steps())
    verify(found, case)
    return found


def percent(found: Sequence[Finding]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The map among the findings."""
    (only,) = (finding for finding in found if isinstance(finding, ParametricMap))
    return only.array


def body(case: Case) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The voxels that may have a value."""
    return dual_echo.body_mask(case.volume("in_phase"))


def segment(found: Sequence[Finding], label: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """The voxels of a segment."""
    (only,) = (
        finding.labels == number
        for finding in found
        if isinstance(finding, Segmentation)
        for number, part in enumerate(finding.segments, start=1)
        if part.label == label
    )
    return only


def numbers(found: Sequence[Finding], of: str = "Liver, measured part") -> dict[str, float]:
    """Measurements of a segment by how they were derived, or by what they are."""
    return {
        finding.derivation.meaning if finding.derivation and finding.name == FAT_FRACTION else finding.name.meaning: (
            finding.value
        )
        for finding in found
        if isinstance(finding, Measurement) and finding.of == of
    }


def said(found: Sequence[Finding]) -> str:
    """All that is said in words."""
    return " ".join(str(finding.value) for finding in found if isinstance(finding, QualitativeEvaluation))


def planned(folder: Path, spec: PluginSpec = SPEC) -> tuple[PlannedTask, dict[str, Path]]:
    """What the node would run on the files of a folder, and its files by SOP Instance UID.

    Raises
    ------
    Unsuitable
        With the node's reasons, for the plugin and for each stack, when the plugin's roles cannot be filled.
    """
    headers = {path: read_file(path) for path in sorted(folder.rglob("*.dcm"))}
    digests = {header.sop_instance_uid: digest_of([header.sop_instance_uid]) for header in headers.values()}
    found = stacks(list(headers.values()))
    tasks, refusals = match(found, [(spec, {})], digests)
    if not tasks:
        raise Unsuitable("; ".join([refusals[0].reason, *(stack.role.reasons[0] for stack in found)]))
    return tasks[0], {header.sop_instance_uid: path for path, header in headers.items()}


def case_of(folder: Path, spec: PluginSpec = SPEC) -> Case:
    """The case that the node would give to the plugin for the files of a folder."""
    task, paths = planned(folder, spec)
    volumes = {}
    for chosen in task.inputs:
        stack = chosen.stack
        assert stack.geometry is not None
        array, acquisition = volume.read([paths[uid] for uid in stack.instances], stack.geometry, stack.frames)
        volumes[chosen.role] = Volume(array=array, affine=np.array(stack.geometry.affine()), acquisition=acquisition)
    return Case(volumes=volumes, parameters=task.parameters)
