"""A training as a hospital runs it: one network for each sequence, what came of it written down beside the weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dicomnode.sdk import Context, Unsuitable
from dicomnode.sdk.cohort import Assignment, Example, Part
from dicomnode.sdk.spec import ParameterValue
from dicomnode_plugins._learning import plots, weights
from dicomnode_plugins._learning.discrimination import Labels, Scores, area
from dicomnode_plugins._learning.networks import ARCHITECTURES, CROPS, network
from dicomnode_plugins._learning.training import Cases, Epoch, Recipe, Trainer, cases, logits

RUN = "run.json"
CURVES = "curves.png"
_FEWEST = 2


def train(assignment: Assignment, context: Context, sequences: Sequence[str]) -> None:
    """Train one network for each sequence on the exams that have it; what is trained already is not trained again.

    Leaves ``<sequence>.safetensors``, ``run.json`` and ``curves.png`` in the output folder.

    Raises
    ------
    Unsuitable
        When a sequence has too few exams, or the parameters, or what an earlier call left, do not fit.
    """
    torch.set_num_threads(context.threads)
    recipe, architecture = _recipe(assignment.parameters, assignment.seed)
    if assignment.device == "cuda" and not torch.cuda.is_available():
        raise Unsuitable("device cuda: there is none, or this torch was built without CUDA; take --device cpu")
    record = _begun(assignment, recipe, architecture)
    courses: dict[str, Sequence[Epoch]] = {}
    for number, sequence in enumerate(sequences):
        if sequence not in record["models"]:
            one = _Course(assignment, context, sequence, recipe, (number, len(sequences)))
            record["models"][sequence] = one.run(architecture)
            _write(assignment.output / RUN, record)
            one.state.unlink(missing_ok=True)
        courses[sequence] = [Epoch(**epoch) for epoch in record["models"][sequence]["epochs"]]
    plots.losses(courses, assignment.output / CURVES)
    context.progress(1.0, "trained")


def read_run(folder: Path) -> dict[str, Any]:
    """What a finished training wrote down.

    Raises
    ------
    Unsuitable
        When the folder holds none.
    """
    try:
        record: dict[str, Any] = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unsuitable(f"{folder.name} holds no finished training: {error}") from error
    return record


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 over which exams are in which part with which class; the same for any order."""
    lines = sorted(f"{example.digest} {int(example.positive)} {example.part}" for example in examples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def labels(examples: Sequence[Example]) -> Labels:
    """Which examples are positive: (n,) bool."""
    return np.array([example.positive for example in examples], dtype=bool)


def counts(examples: Sequence[Example]) -> dict[str, int]:
    """How many exams, positive ones and patients."""
    positive = sum(example.positive for example in examples)
    patients = len({example.patient for example in examples})
    return {"exams": len(examples), "positive": positive, "patients": patients}


class _Course:
    """The training of one network."""

    def __init__(
        self, assignment: Assignment, context: Context, sequence: str, recipe: Recipe, place: tuple[int, int]
    ) -> None:
        self._assignment, self._context, self._sequence, self._recipe = assignment, context, sequence, recipe
        self._place = place
        self.state = assignment.output / f"{sequence}.state"

    def run(self, architecture: str) -> dict[str, Any]:
        """Train it and write its weights; returns what the record says of it."""
        array = array_name(architecture, self._sequence)
        with_it = [example for example in self._assignment.examples if array in example.names()]
        parts = {part: [e for e in with_it if e.part == part] for part in ("training", "validation")}
        training, validation = (self._loaded(parts[part], part, array) for part in ("training", "validation"))
        torch.manual_seed(self._recipe.seed)
        net = network(architecture)
        trainer = Trainer(net, self._recipe, training, validation, self._assignment.device)
        if self._assignment.resume and self.state.exists():
            try:
                trainer.resume(self.state)
            except ValueError as error:
                raise Unsuitable(str(error)) from error
        for epoch in trainer.epochs():
            trainer.save(self.state)
            self._say(epoch)
        net.to("cpu")
        file = self._assignment.output / f"{self._sequence}.safetensors"
        sha256 = weights.save(net, file)
        found = area(validation.positive.numpy() > 0, logits(net, validation.volumes))
        return {
            "file": file.name,
            "sha256": sha256,
            "parameters": sum(parameter.numel() for parameter in net.parameters()),
            "exams": {part: counts(members) for part, members in parts.items()},
            "input": list(training.volumes.shape[1:]),
            "validation_area": asdict(found),
            "epochs": [asdict(epoch) for epoch in trainer.epochs_done],
        }

    def _loaded(self, examples: Sequence[Example], part: str, array: str) -> Cases:
        positive = labels(examples)
        if min(positive.sum(), (~positive).sum()) < _FEWEST:
            raise Unsuitable(
                f"{self._sequence}: the {part} set has {int(positive.sum())} positive and {int((~positive).sum())} "
                f"negative exams with it; at least {_FEWEST} of each are needed"
            )
        return cases(stacked(examples, array), positive)

    def _say(self, epoch: Epoch) -> None:
        number, of = self._place
        done = (number + epoch.number / self._recipe.epochs) / of
        losses = f"training {epoch.training_loss:.3f}, validation {epoch.validation_loss:.3f}"
        self._context.progress(done, f"{self._sequence}: epoch {epoch.number} of {self._recipe.epochs}, {losses}")


def array_name(architecture: str, sequence: str) -> str:
    """What the prepared array of a sequence is called that an architecture sees."""
    return f"{CROPS[architecture]}_{sequence}"


def stacked(examples: Sequence[Example], array: str) -> np.ndarray:
    """What one network sees of the examples: (n, 1, z, y, x) float32."""
    return np.stack([example.array(array) for example in examples])[:, None].astype(np.float32, copy=False)


def trained(folder: Path, record: Mapping[str, Any], sequence: str) -> torch.nn.Module:
    """The network of one sequence with the weights that a training left.

    Raises
    ------
    Unsuitable
        When the file is not what the record says.
    """
    said = record["models"][sequence]
    net = network(record["architecture"])
    try:
        weights.load(net, folder / said["file"], said["sha256"])
    except (OSError, weights.WeightsRefused) as error:
        raise Unsuitable(str(error)) from error
    return net.eval()


def scored(folder: Path, record: Mapping[str, Any], sequence: str, examples: Sequence[Example]) -> Scores:
    """Logits of the examples by the network of one sequence: (n,) float64."""
    net, array = trained(folder, record, sequence), array_name(record["architecture"], sequence)
    parts = [examples[at : at + 64] for at in range(0, len(examples), 64)]
    return np.concatenate([logits(net, torch.from_numpy(stacked(part, array))) for part in parts])


def _recipe(parameters: Mapping[str, ParameterValue], seed: int) -> tuple[Recipe, str]:
    known = dict(parameters)
    architecture, schedule = str(known.pop("architecture")), known.pop("schedule")
    if architecture not in ARCHITECTURES:
        raise Unsuitable(f"no architecture is called {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    if schedule not in ("halve on plateau", "one cycle"):
        raise Unsuitable(f"no schedule is called {schedule!r}; there are 'halve on plateau' and 'one cycle'")
    return Recipe(**known, schedule=schedule, seed=seed), architecture  # type: ignore[arg-type]


def _begun(assignment: Assignment, recipe: Recipe, architecture: str) -> dict[str, Any]:
    """The record of this training; that of an earlier call is gone on with where it is of the same one."""
    parts: tuple[Part, ...] = ("training", "validation")
    record: dict[str, Any] = {
        "architecture": architecture,
        "recipe": asdict(recipe),
        "device": assignment.device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "data": {
            "digest": digest(assignment.examples),
            **{part: counts(assignment.of(part)) for part in parts},
            "exams": sorted(example.digest for example in assignment.examples),
        },
        "models": {},
    }
    file = assignment.output / RUN
    if not assignment.resume or not file.exists():
        _write(file, record)
        return record
    before = read_run(assignment.output)
    if changed := [name for name in record if name != "models" and before.get(name) != record[name]]:
        raise Unsuitable(f"this training began otherwise and cannot be gone on with: {', '.join(changed)} changed")
    return before


def _write(file: Path, record: Mapping[str, Any]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(record, indent=1), encoding="utf-8")
    fresh.replace(file)
