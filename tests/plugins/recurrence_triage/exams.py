"""Phantom exams and models of random weights for the triage plugin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.triage.scans import COARSE, Grid, exam
from dicomnode.sdk import Case, Domain, Model, Volume, Weights
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.densenet import SMALL, DenseNet3D
from dicomnode_plugins._learning.networks import network
from dicomnode_plugins.recurrence_triage import OUTLINE, SLOT, SPEC

FACTS: dict[str, dict[str, Any]] = {
    "t1": {"EchoTime": 9.4, "RepetitionTime": 580.0, "ContrastBolusAgent": "no"},
    "t2": {"EchoTime": 92.0, "RepetitionTime": 4200.0, "ContrastBolusAgent": "no"},
    "t1c": {"EchoTime": 9.4, "RepetitionTime": 600.0, "ContrastBolusAgent": "yes"},
}
DOMAIN = Domain(
    field_strength=(1.0, 2.0),
    pixel_spacing=2.0,
    body_parts=("HEAD", "NECK", "HEADNECK"),
    fat_saturated={"t1": False, "t2": False},
)


def volumes(number: int = 0, grid: Grid = COARSE) -> dict[str, Volume]:
    """The three series of a phantom with the physics that a plugin is told."""
    common = {"MagneticFieldStrength": 1.5, "ScanOptions": "", "BodyPartExamined": "NECK"}
    made, _ = exam(number, 14, grid=grid)
    return {name: replace(volume, acquisition={**common, **FACTS[name]}) for name, volume in made.items()}


def told(volume: Volume, **facts: Any) -> Volume:
    """The volume with other facts of its acquisition."""
    return replace(volume, acquisition={**volume.acquisition, **facts})


def a_model(folder: Path, **changes: Any) -> Model:
    """A model of random weights."""
    files = {}
    for number, name in enumerate(("t1", "t2", "t1c")):
        torch.manual_seed(number)
        path = folder / f"{name}.safetensors"
        files[name] = Weights(path=path, sha256=weights.save(DenseNet3D(SMALL).eval(), path))
    said: dict[str, Any] = {
        "id": "random",
        "version": "1",
        "status": "demonstration",
        "architecture": "densenet-small",
        "digest": "d" * 64,
        "files": files,
        "cutoffs": {"first": 0.9, "second": 0.1, "second_reader": 0.5},
        "domain": DOMAIN,
        **changes,
    }
    return Model(**said)


def an_outliner(folder: Path, **changes: Any) -> Model:
    """A model of random weights for the proposal of a volume; its level lies within what it says."""
    torch.manual_seed(3)
    path = folder / "outline.safetensors"
    files = {"t1_t2": Weights(path=path, sha256=weights.save(network("unet-small", 2).eval(), path))}
    said = {"architecture": "unet-small", "digest": "0" * 64, "files": files, "cutoffs": {"level": 0.02}}
    return replace(a_model(folder), **{**said, **changes})


def a_case(given: dict[str, Volume], model: Model, outliner: Model | None = None, **parameters: Any) -> Case:
    """A case with the plugin's defaults."""
    models = {SLOT: model, **({OUTLINE: outliner} if outliner else {})}
    return Case(volumes=given, parameters=SPEC.resolve(parameters), models=models)
