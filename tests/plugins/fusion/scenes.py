"""Small pairs for the fusion plugin, and what it says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from benchmarks.fusion import pairs
from benchmarks.fusion.pairs import Pair
from dicomnode.sdk import Case, Finding, Measurement, QualitativeEvaluation
from dicomnode.sdk.testing import run_plugin
from dicomnode_plugins.fusion import SPEC


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
    """Findings of a kind of pair, through the files of the process border, proven to be writable."""
    return tuple(run_plugin(SPEC, case(pair(kind))))


def said(findings: Sequence[Finding]) -> str:
    """All that is said in words."""
    return "\n".join(str(f.value) for f in findings if isinstance(f, QualitativeEvaluation))


def numbers(findings: Sequence[Finding]) -> dict[str, float]:
    """Measurements by the value of their code."""
    return {f.name.value: f.value for f in findings if isinstance(f, Measurement)}
