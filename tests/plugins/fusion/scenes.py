"""Small pairs for the fusion plugin, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from benchmarks.fusion import pairs
from benchmarks.fusion.pairs import Pair
from dicomnode.sdk import Case, Finding, LabelledSegment, Labels, Measurement, QualitativeEvaluation
from dicomnode.sdk.codes import TISSUE
from dicomnode.sdk.testing import run_plugin
from dicomnode_plugins.fusion import SPEC
from dicomnode_plugins.fusion.codes import MUSCLES, NERVES


@cache
def pair(kind: str = "true", maker: str = "philips", seed: int = 2) -> Pair:
    """A pair of twice the study's voxel side, up to 10 degrees and 15 mm apart on each axis."""
    return pairs.make(maker, seed, degrees=10, millimetres=15, step=2, kind=kind)


def case(given: Pair, frames: tuple[str, str] = ("A", "B"), **parameters: Any) -> Case:
    """A pair in the roles of the plugin."""
    volumes = {"ce_t1": replace(given.t1, frame=frames[0]), "ce_mrn": replace(given.mrn, frame=frames[1])}
    return Case(volumes=volumes, parameters=SPEC.resolve(parameters))


@cache
def found(kind: str = "true") -> tuple[Finding, ...]:
    """Findings of a kind of pair on which regions were drawn, through the process border, proven to be writable."""
    return tuple(run_plugin(SPEC, replace(case(pair(kind)), segmentations={"drawn": drawn(pair(kind))})))


def drawn(given: Pair) -> Labels:
    """Regions of nerve and muscle on both sides of the CE-MRN: blocks somewhere in the body."""
    array = np.zeros(given.mrn.array.shape, np.uint8)
    middle = [size // 2 for size in array.shape]
    segments = []
    for number, (kind, side) in enumerate(
        ((NERVES[0], "L"), (MUSCLES[0], "L"), (NERVES[0], "R"), (MUSCLES[0], "R")), start=1
    ):
        z, y, x = middle[0], middle[1], middle[2] + 6 * number - 15
        array[z : z + 2, y : y + 4, x : x + 4] = number
        segments.append(LabelledSegment(label=kind.meaning, category=TISSUE, type=kind, side=side))
    return Labels(on="ce_mrn", array=array, segments=tuple(segments))


def said(findings: Sequence[Finding]) -> str:
    """All that is said in words."""
    return "\n".join(str(f.value) for f in findings if isinstance(f, QualitativeEvaluation))


def numbers(findings: Sequence[Finding]) -> dict[str, float]:
    """Measurements by the value of their code."""
    return {f.name.value: f.value for f in findings if isinstance(f, Measurement)}
