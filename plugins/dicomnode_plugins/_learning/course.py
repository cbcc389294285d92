"""A training as a hospital runs it: network after network, what came of it written down beside the weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dicomnode.sdk import Context, Model, Unsuitable
from dicomnode.sdk.cohort import Assignment, Example, Part
from dicomnode.sdk.spec import ParameterValue
from dicomnode_plugins._learning import plots, weights
from dicomnode_plugins._learning.densenet import DenseNet3D
from dicomnode_plugins._learning.discrimination import Labels, Scores, area
from dicomnode_plugins._learning.distillation import Committee, Distillation, Distilled, committee
from dicomnode_plugins._learning.examples import having, outlined, sequences_of, stacked, with_masks
from dicomnode_plugins._learning.networks import ARCHITECTURES, OUTLINING, network
from dicomnode_plugins._learning.overlap import Overlap
from dicomnode_plugins._learning.procedures import DISTILLATION, EXPLAINED
from dicomnode_plugins._learning.training import Cases, Epoch, Recipe, Trainer, cases, logits

RUN = "run.json"
CURVES = "curves.png"
_FEWEST = 2
_DROPPED = "t2"
"""What a student learns to do without: on some exams T2 is not shown to it."""


def train(
    assignment: Assignment, context: Context, networks: Sequence[str], known: Sequence[str], outline: str = ""
) -> None:
    """Train each network on the exams that have what it sees; what is trained already is not trained again.

    Leaves ``<network>.safetensors``, ``run.json`` and ``curves.png`` in the output folder.

    Parameters
    ----------
    networks, known : sequence of str
        Names of the networks, which say what each sees (``t1_t2``), and every sequence that is prepared of an exam.
    outline : str
        Role of the segmentations that networks are taught which outline; empty: none may be.

    Raises
    ------
    Unsuitable
        When a network has too few exams, or the parameters, the teacher, or what an earlier call left, do not fit.
    """
    torch.set_num_threads(context.threads)
    plan = _Plan.of(assignment, known, outline)
    if assignment.device == "cuda" and not torch.cuda.is_available():
        raise Unsuitable("device cuda: there is none, or this torch was built without CUDA; take --device cpu")
    if foreign := [name for name in networks if not set(sequences_of(name)) <= set(known)]:
        raise Unsuitable(f"no network is called {', '.join(foreign)}; a name is made of {', '.join(known)}, as t1_t2")
    record = _begun(assignment, plan)
    courses: dict[str, Sequence[Epoch]] = {}
    for number, name in enumerate(networks):
        if name not in record["models"]:
            one = _Course(assignment, context, name, plan, (number, len(networks)))
            record["models"][name] = one.run()
            _write(assignment.output / RUN, record)
            one.state.unlink(missing_ok=True)
        courses[name] = [Epoch(**epoch) for epoch in record["models"][name]["epochs"]]
    plots.losses(courses, assignment.output / CURVES, "1 - DSC; loss" if plan.outlines else "binary cross entropy")
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
    classes = {True: "1", False: "0", None: "?"}
    lines = sorted(f"{example.digest} {classes[example.positive]} {example.part}" for example in examples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def labels(examples: Sequence[Example]) -> Labels:
    """Which examples are positive: (n,) bool.

    Raises
    ------
    Unsuitable
        When of one it is not known: nothing may be judged by it.
    """
    if unknown := sum(example.positive is None for example in examples):
        raise Unsuitable(f"{unknown} exams have no label; they can be taught by a teacher, and judge nothing")
    return np.array([example.positive for example in examples], dtype=bool)


def counts(examples: Sequence[Example]) -> dict[str, int]:
    """How many exams, positive ones, patients, and exams whose class is not known."""
    return {
        "exams": len(examples),
        "positive": sum(example.positive is True for example in examples),
        "patients": len({example.patient for example in examples}),
        "unlabelled": sum(example.positive is None for example in examples),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How the networks of one training are trained."""

    recipe: Recipe
    architecture: str
    distillation: Distillation
    explained: float
    """Share of the exams without label that the teacher explains."""
    known: Sequence[str]
    outline: str
    """Role of the segmentations that tell where a lesion is."""

    @property
    def outlines(self) -> bool:
        """Whether the networks say something of every voxel."""
        return self.architecture in OUTLINING

    @classmethod
    def of(cls, assignment: Assignment, known: Sequence[str], outline: str) -> _Plan:
        given = dict(assignment.parameters)
        defaults = {parameter.name: parameter.default for parameter in DISTILLATION}
        teaching = {name: given.pop(name) for name in defaults if name in given}
        if assignment.teacher is None and (idle := [n for n, value in teaching.items() if value != defaults[n]]):
            raise Unsuitable(f"without a teacher {', '.join(idle)} means nothing; give --teacher")
        explained = float(teaching.pop(EXPLAINED, 1.0))
        recipe, architecture = _recipe(given, assignment.seed)
        if architecture in OUTLINING and (not outline or assignment.teacher is not None):
            why = "takes no teacher" if outline else "is not what this plugin's models are made of"
            raise Unsuitable(f"a {architecture} outlines, and {why}")
        return cls(
            recipe=recipe,
            architecture=architecture,
            distillation=Distillation(**teaching),  # type: ignore[arg-type]
            explained=explained,
            known=known,
            outline=outline,
        )


class _Course:
    """The training of one network."""

    def __init__(
        self, assignment: Assignment, context: Context, name: str, plan: _Plan, place: tuple[int, int]
    ) -> None:
        self._assignment, self._context, self._name, self._plan = assignment, context, name, plan
        self._place = place
        self.state = assignment.output / f"{name}.state"

    def run(self) -> dict[str, Any]:
        """Train it and write its weights; returns what the record says of it."""
        seen = sequences_of(self._name)
        torch.manual_seed(self._plan.recipe.seed)
        net = network(self._plan.architecture, len(seen))
        teacher, shown = self._teacher(seen)
        parts = {"training": self._taken("training", shown), "validation": self._taken("validation", seen)}
        training = self._loaded(parts["training"], "training", shown)
        validation = self._loaded(parts["validation"], "validation", seen)
        objective = self._objective(net, teacher, seen)
        trainer = Trainer(net, self._plan.recipe, training, validation, self._assignment.device, objective)
        if self._assignment.resume and self.state.exists():
            try:
                trainer.resume(self.state)
            except ValueError as error:
                raise Unsuitable(str(error)) from error
        for epoch in trainer.epochs():
            trainer.save(self.state)
            self._say(epoch)
        net.to("cpu")
        file = self._assignment.output / f"{self._name}.safetensors"
        sha256 = weights.save(net, file)
        return {
            "file": file.name,
            "sha256": sha256,
            "parameters": sum(parameter.numel() for parameter in net.parameters()),
            "exams": {part: counts(members) for part, members in parts.items()},
            "input": [len(seen), *training.volumes.shape[2:]],
            **self._judged(net, validation),
            "epochs": [asdict(epoch) for epoch in trainer.epochs_done],
        }

    def _teacher(self, seen: Sequence[str]) -> tuple[Committee | None, Sequence[str]]:
        """The teacher, and the sequences that a training exam needs, the student's first."""
        model = self._assignment.teacher
        return committee(model, self._plan.architecture, seen, self._plan.known) if model else (None, seen)

    def _judged(self, net: torch.nn.Module, validation: Cases) -> dict[str, Any]:
        """What the best weights make of the validation exams, by which they were chosen."""
        if self._plan.outlines:
            return {"validation_dice": 1 - Overlap().judge(net, validation)}
        return {"validation_area": asdict(area(validation.positive.numpy() > 0, logits(net, validation.volumes)))}

    def _objective(
        self, net: torch.nn.Module, teacher: Committee | None, seen: Sequence[str]
    ) -> Distilled | Overlap | None:
        if self._plan.outlines:
            return Overlap()
        if teacher is None:
            return None
        if not isinstance(net, DenseNet3D):
            raise Unsuitable(f"a {self._plan.architecture} shows no features to be taught: take a densenet")
        dropped = seen.index(_DROPPED) if _DROPPED in seen and len(seen) > 1 else None
        return Distilled(net, teacher, self._plan.distillation, dropped)

    def _taken(self, part: Part, sequences: Sequence[str]) -> list[Example]:
        """The exams of a part that have all of the sequences; of those without label the share that is explained."""
        complete = having(self._assignment.of(part), self._plan.architecture, sequences)
        if self._plan.outlines:
            return outlined(complete, self._plan.architecture, self._plan.outline)
        unknown = [example.digest for example in complete if example.positive is None]
        unknown.sort(key=lambda one: hashlib.sha256(f"{self._plan.recipe.seed} {one}".encode()).digest())
        idle = set(unknown[round(self._plan.explained * len(unknown)) :])
        return [example for example in complete if example.digest not in idle]

    def _loaded(self, examples: Sequence[Example], part: Part, sequences: Sequence[str]) -> Cases:
        classes = np.array([np.nan if e.positive is None else e.positive for e in examples], dtype=np.float32)
        if min((classes == 1).sum(), (classes == 0).sum()) < _FEWEST:
            raise Unsuitable(
                f"{self._name}: the {part} set has {(classes == 1).sum()} positive and {(classes == 0).sum()} "
                f"negative exams with {', '.join(sequences)}{' and an outline' if self._plan.outlines else ''}; at "
                f"least {_FEWEST} of each are needed"
            )
        if self._plan.outlines:
            masked = with_masks(examples, self._plan.architecture, sequences, self._plan.outline)
            return replace(cases(masked, classes), masks=1)
        return cases(stacked(examples, self._plan.architecture, sequences), classes)

    def _say(self, epoch: Epoch) -> None:
        number, of = self._place
        epochs = self._plan.recipe.epochs
        done = (number + epoch.number / epochs) / of
        losses = f"training {epoch.training_loss:.3f}, validation {epoch.validation_loss:.3f}"
        self._context.progress(done, f"{self._name}: epoch {epoch.number} of {epochs}, {losses}")


def trained(folder: Path, record: Mapping[str, Any], name: str) -> torch.nn.Module:
    """A network with the weights that a training left.

    Raises
    ------
    Unsuitable
        When the file is not what the record says.
    """
    said = record["models"][name]
    net = network(record["architecture"], len(sequences_of(name)))
    try:
        weights.load(net, folder / said["file"], said["sha256"])
    except (OSError, weights.WeightsRefused) as error:
        raise Unsuitable(str(error)) from error
    return net.eval()


def scored(folder: Path, record: Mapping[str, Any], name: str, examples: Sequence[Example]) -> Scores:
    """Logits of the examples by one network: (n,), of one that outlines (n, z, y, x) float64."""
    net, architecture = trained(folder, record, name), record["architecture"]
    parts = [examples[at : at + 64] for at in range(0, len(examples), 64)]
    seen = sequences_of(name)
    return np.concatenate([logits(net, torch.from_numpy(stacked(part, architecture, seen))) for part in parts])


def _recipe(parameters: Mapping[str, ParameterValue], seed: int) -> tuple[Recipe, str]:
    known = dict(parameters)
    architecture, schedule = str(known.pop("architecture")), known.pop("schedule")
    if architecture not in ARCHITECTURES:
        raise Unsuitable(f"no architecture is called {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    if schedule not in ("halve on plateau", "one cycle"):
        raise Unsuitable(f"no schedule is called {schedule!r}; there are 'halve on plateau' and 'one cycle'")
    return Recipe(**known, schedule=schedule, seed=seed), architecture  # type: ignore[arg-type]


def _begun(assignment: Assignment, plan: _Plan) -> dict[str, Any]:
    """The record of this training; that of an earlier call is gone on with where it is of the same one."""
    parts: tuple[Part, ...] = ("training", "validation")
    record: dict[str, Any] = {
        "architecture": plan.architecture,
        "recipe": asdict(plan.recipe),
        "teacher": _taught(assignment.teacher, plan),
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


def _taught(teacher: Model | None, plan: _Plan) -> dict[str, Any] | None:
    if teacher is None:
        return None
    return {
        "model": f"{teacher.id}/{teacher.version}",
        "digest": teacher.digest,
        "architecture": teacher.architecture,
        "weights": {name: entry.sha256 for name, entry in teacher.files.items()},
        **asdict(plan.distillation),
        EXPLAINED: plan.explained,
    }


def _write(file: Path, record: Mapping[str, Any]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(record, indent=1), encoding="utf-8")
    fresh.replace(file)
