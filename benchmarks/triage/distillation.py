"""Does a teacher that sees contrast make a better student that does not? Where it may, and where it cannot.

    python -m benchmarks.triage.distillation FOLDER [--seeds 3] [--settings NAME ...] [--device cuda]

For each setting and seed one teacher (T1, T2, T1+C), one plain and one distilled student (T1, T2) are trained on the
same exams, over as many exam visits, and judged on 1,000 others. The labels and the exams that have one are drawn by
the seed; the teacher learns from the very labels that the plain student has. In these phantoms contrast tells more
than it does in ``benchmarks.triage.study``, on coarser crops. Exams and weights are kept in the folder, and what was
broken off goes on; about 3 CPU minutes a setting and seed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.triage.patients import Difficulty
from benchmarks.triage.scans import CROP, Exams, Grid, exams
from benchmarks.triage.study import fitted
from dicomnode_plugins._learning.densenet import DenseNet3D
from dicomnode_plugins._learning.discrimination import Area, Labels, Scores, area, area_difference
from dicomnode_plugins._learning.distillation import Committee, Distillation, Distilled
from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.training import Cases, Recipe, Trainer, cases, logits

COARSE_CROP = Grid(shape=(10, 28, 28), spacing=(7.0, 2.86, 2.86), centre=CROP.centre)
TELLING = Difficulty(shape=0.62, water=0.88, agent=0.0)
"""Kinds that take up contrast agent as in a textbook, and look on T1 and T2 as in the study."""
SETS = {"training": (1000, 21), "validation": (200, 22), "test": (1000, 23)}
VISITS = 16_000
"""Exams shown to each network, again and again: every student costs the same."""
DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of the training exams."""

    labelled: int
    wrong: float = 0.0
    """Share of labels, of validation exams too, that say the contrary."""
    explained: int = 0
    """Exams without label that the teacher explains to the distilled student."""


SETTINGS = {
    "few labels": Setting(labelled=200, explained=800),
    "wrong labels": Setting(labelled=600, wrong=0.25),
    "same labels": Setting(labelled=600),
}


def cohort(folder: Path, name: str) -> Exams:
    """One of the sets, made on first use."""
    file = folder / f"{name}.npz"
    if not file.exists():
        count, seed = SETS[name]
        made = exams(count, seed, difficulty=TELLING, grid=COARSE_CROP)
        np.savez(file, volumes=made.volumes.astype(np.float16), kinds=made.kinds)
    with np.load(file) as kept:
        return Exams(volumes=kept["volumes"].astype(np.float32), kinds=kept["kinds"])


def drawn(folder: Path, setting: Setting, seed: int) -> tuple[Cases, Cases]:
    """Training and validation exams with all three sequences; those without label, NaN, come last."""
    training, validation = cohort(folder, "training"), cohort(folder, "validation")
    random = np.random.default_rng((31, seed))
    chosen = random.permutation(len(training.kinds))[: setting.labelled + setting.explained]
    said = (training.positive[chosen] ^ (random.random(len(chosen)) < setting.wrong)).astype(np.float32)
    said[setting.labelled :] = np.nan
    judged = validation.positive ^ (random.random(len(validation.kinds)) < setting.wrong)
    return cases(training.volumes[chosen], said), cases(validation.volumes, judged)


def seen(part: Cases, sequences: int, count: int | None = None) -> Cases:
    """The first exams, and the first sequences of them."""
    return Cases(volumes=part.volumes[:count, :sequences].contiguous(), positive=part.positive[:count])


def scored(folder: Path, name: str, setting: Setting, seed: int, device: str) -> dict[str, Scores]:
    """What teacher, plain and distilled student of one seed say of the test exams."""
    training, validation = drawn(folder, setting, seed)
    stem = f"{name.replace(' ', '-')}-{seed}"

    def recipe(count: int) -> Recipe:
        return Recipe(
            epochs=VISITS // count, batch=16, rate=3e-3, schedule="one cycle", decay=0.02, longest_step=2.0, seed=seed
        )

    def trained(who: str, sequences: int, shown: Cases, teacher: Committee | None = None) -> DenseNet3D:
        torch.manual_seed(seed)
        net = network("densenet-small", sequences)
        assert isinstance(net, DenseNet3D)
        judged = seen(validation, sequences)
        objective = Distilled(net, teacher, Distillation(), dropped=1) if teacher else None
        return fitted(
            net,
            folder / f"{stem}-{who}.safetensors",
            lambda: Trainer(net, recipe(len(shown.positive)), shown, judged, device, objective),
        )

    known = setting.labelled
    teacher = trained("teacher", 3, seen(training, 3, known))
    plain = trained("plain", 2, seen(training, 2, known))
    distilled = trained("distilled", 2, training, Committee([(teacher, (0, 1, 2))]))
    volumes = torch.from_numpy(cohort(folder, "test").volumes)
    students = {"plain": plain, "distilled": distilled}
    return {"teacher": logits(teacher, volumes)} | {n: logits(net, volumes[:, :2]) for n, net in students.items()}


def pooled(positive: Labels, found: list[dict[str, Scores]], first: str, second: str) -> Area:
    """Mean difference of two areas over the seeds; exams and seeds are drawn again for the interval."""
    random = np.random.default_rng(0)
    with_it, without = np.flatnonzero(positive), np.flatnonzero(~positive)

    def gained(exams_drawn: np.ndarray, seeds: np.ndarray) -> float:
        truth = positive[exams_drawn]
        each = [[area(truth, found[s][who][exams_drawn]).value for who in (first, second)] for s in seeds]
        return float(np.mean([one - other for one, other in each]))

    draws = []
    for _ in range(DRAWS):
        again = np.concatenate([random.choice(with_it, len(with_it)), random.choice(without, len(without))])
        draws.append(gained(again, random.integers(0, len(found), len(found))))
    low, high = np.quantile(draws, (0.025, 0.975))
    value = gained(np.arange(len(positive)), np.arange(len(found)))
    beyond = min(np.mean(np.array(draws) <= 0), np.mean(np.array(draws) >= 0))
    return Area(value=value, low=float(low), high=float(high), p=float(min(1.0, 2 * beyond)))


def said(one: Area, sign: str = "") -> str:
    """An area or a difference with its interval."""
    return f"{one.value:{sign}.3f} ({one.low:{sign}.3f} to {one.high:{sign}.3f})"


def main() -> None:
    """Run the settings, and print what distillation gained in each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--settings", nargs="*", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--device", default="cpu", help="where the networks are trained")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    positive = cohort(given.folder, "test").positive
    for name in given.settings:
        found = [scored(given.folder, name, SETTINGS[name], seed, given.device) for seed in range(given.seeds)]
        for seed, scores in enumerate(found):
            areas = ", ".join(f"{who} {said(area(positive, values))}" for who, values in scores.items())
            gain = area_difference(positive, scores["distilled"], scores["plain"])
            print(f"{name}, seed {seed}: AUC {areas}; distilled - plain {said(gain, '+')}, p {gain.p:.3f}")
        for first, second in (("teacher", "plain"), ("distilled", "plain")):
            gain = pooled(positive, found, first, second)
            print(f"{name}: {first} - {second} over {given.seeds} seeds {said(gain, '+')}")


if __name__ == "__main__":
    main()
