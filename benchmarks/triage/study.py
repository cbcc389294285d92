"""Train the three networks on synthetic exams, freeze the cut-offs on others, and judge both on a third set.

    python -m benchmarks.triage.study FOLDER [--seed N] [--device cuda] [--publish FOLDER]

Networks are trained on crops about a known nasopharynx. Cut-offs are frozen, and all is judged, on whole heads in which
the nasopharynx must be found: they go through the preparation of a patient's images. Exams and weights are kept in the
folder, and what is there is not made again. About 15 CPU minutes a seed. Training is the same to the bit on a CPU only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
import torch
from scipy.special import expit

from benchmarks.triage.physics import SEQUENCES
from benchmarks.triage.scans import Exams, exams, prepared
from dicomnode.sdk.intervals import wilson
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.cutoffs import Cutoffs, Rule, freeze, layered
from dicomnode_plugins._learning.densenet import SMALL, DenseNet3D
from dicomnode_plugins._learning.discrimination import Scores, area
from dicomnode_plugins._learning.tiers import combined
from dicomnode_plugins._learning.training import ON_A_PHANTOM, Recipe, Trainer, cases, logits

# Name: how many, and the seed that their patients come from; no patient is in two sets.
SETS = {"training": (1000, 11), "validation": (250, 12), "calibration": (440, 13), "test": (200, 14)}
WHOLE_HEADS = ("calibration", "test")
DOMAIN: Mapping[str, Any] = {
    "field_strength": [1.4, 1.6],
    "slice_spacing": 6.0,
    "pixel_spacing": 2.0,
    "fewest_slices": 16,
    "body_parts": ["HEAD", "NECK", "HEADNECK"],
    "fat_saturated": {"t1": False, "t2": False, "t1c": False},
}
"""What the networks trained here may speak about: the protocol of the phantoms."""
RULES: tuple[Rule, ...] = ("lower bound", "point")


def cohort(folder: Path, name: str) -> Exams:
    """One of the sets, made on first use."""
    file = folder / f"{name}.npz"
    if not file.exists():
        made = (prepared if name in WHOLE_HEADS else exams)(*SETS[name])
        np.savez(file, volumes=made.volumes.astype(np.float16), kinds=made.kinds)
    with np.load(file) as kept:
        return Exams(volumes=kept["volumes"].astype(np.float32), kinds=kept["kinds"])


def network(folder: Path, sequence: int, recipe: Recipe, device: str) -> DenseNet3D:
    """The trained network of one sequence."""
    torch.manual_seed(recipe.seed)
    net = DenseNet3D(SMALL)

    def trainer() -> Trainer:
        one = slice(sequence, sequence + 1)
        training, validation = (cohort(folder, name) for name in ("training", "validation"))
        seen = (cases(part.volumes[:, one], part.positive) for part in (training, validation))
        return Trainer(net, recipe, *seen, device)

    return fitted(net, folder / f"{SEQUENCES[sequence]}-{recipe.seed}.safetensors", trainer)


def fitted(net: DenseNet3D, file: Path, trainer: Callable[[], Trainer]) -> DenseNet3D:
    """A network with the weights of a file, or trained now and written there; what was broken off goes on."""
    if file.exists():
        weights.load(net, file, weights.digest(file))
        return net.eval()
    training = trainer()
    state, start = file.with_suffix(".state"), time.process_time()
    if state.exists():
        training.resume(state)
    for epoch in training.epochs():
        training.save(state)
        spent = time.process_time() - start
        print(
            f"{file.stem} epoch {epoch.number:2}: {epoch.training_loss:.3f} "
            f"{epoch.validation_loss:.3f}{' *' if epoch.kept else ''}  {spent:.0f} CPU s",
            flush=True,
        )
    weights.save(net.cpu(), file)
    state.unlink()
    return net


def scores(folder: Path, name: str, nets: Mapping[str, DenseNet3D]) -> dict[str, Scores]:
    """Probabilities of one set by every network, and T1_T2."""
    volumes = torch.from_numpy(cohort(folder, name).volumes)
    found = {sequence: expit(logits(net, volumes[:, n : n + 1])) for n, (sequence, net) in enumerate(nets.items())}
    found["t1_t2"] = np.array([combined(t1, t2) for t1, t2 in zip(found["t1"], found["t2"], strict=True)])
    return found


def share(hits: np.ndarray) -> str:
    """A proportion with its Wilson interval."""
    found = wilson(int(hits.sum()), len(hits))
    return f"{found.share:.3f} ({found.low:.3f}-{found.high:.3f})"


def report(folder: Path, nets: Mapping[str, DenseNet3D]) -> dict[str, Cutoffs]:
    """Print areas, and the layered call by both rules on the test set; returns the cut-offs."""
    calibration, test = cohort(folder, "calibration"), cohort(folder, "test")
    known, unseen = scores(folder, "calibration", nets), scores(folder, "test", nets)
    for name, values in unseen.items():
        whole = area(test.positive, values)
        against = {
            kind: area(test.positive[chosen], values[chosen]).value
            for kind in ("fibrosis", "inflammation", "clear")
            if (chosen := np.isin(test.kinds, ["recurrence", kind])).any()
        }
        kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in against.items())
        print(f"AUC {name:6} {whole.value:.3f} ({whole.low:.3f}-{whole.high:.3f}); against {kinds}")
    frozen: dict[str, Cutoffs] = {}
    for rule in RULES:
        cut = frozen[rule] = freeze(calibration.positive, known["t1_t2"], known["t1c"], rule=rule)
        called = layered(unseen["t1_t2"], unseen["t1c"], cut)
        print(
            f"{rule}: cut-offs {cut.first:.3f} {cut.second:.3f}, T1C {cut.second_reader:.3f}; on test: sensitivity "
            f"{share(called[test.positive])}, specificity {share(~called[~test.positive])}, "
            f"contrast spared {share(unseen['t1_t2'] < cut.second)}"
        )
    return frozen


def publish(source: Path, folder: Path, seed: int, cutoffs: Cutoffs) -> None:
    """Write the networks and their card as the plugin's demonstration."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for sequence in SEQUENCES:
        shutil.copyfile(source / f"{sequence}-{seed}.safetensors", folder / f"{sequence}.safetensors")
        file = folder / f"{sequence}.safetensors"
        files[sequence] = {"file": file.name, "sha256": weights.digest(file)}
    calibration = cohort(source, "calibration")
    digest = hashlib.sha256(calibration.volumes.astype(np.float16).tobytes() + "".join(calibration.kinds).encode())
    card = {
        "id": "npc-phantom",
        "version": str(2 + seed),
        "plugin": "recurrence_triage",
        "slot": "triage",
        "architecture": "densenet-small",
        "status": "demonstration",
        "statement": "1,000 synthetic exams of benchmarks/triage, one protocol at 1.5 T, one seed. No patient, ever.",
        "weights": files,
        "cutoffs": asdict(cutoffs),
        "calibration": {
            "digest": digest.hexdigest(),
            "cases": len(calibration.kinds),
            "rule": "lower bound >= 0.9",
        },
        "domain": DOMAIN,
    }
    (folder / "card.toml").write_text(tomli_w.dumps(card), encoding="utf-8")


def main() -> None:
    """Run the study for one seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="where the networks are trained")
    parser.add_argument("--publish", type=Path, help="write weights and card there")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    recipe = replace(ON_A_PHANTOM, seed=given.seed)
    nets = {sequence: network(given.folder, n, recipe, given.device) for n, sequence in enumerate(SEQUENCES)}
    frozen = report(given.folder, nets)
    if given.publish:
        publish(given.folder, given.publish, given.seed, frozen["lower bound"])
    cutoffs = {rule: asdict(cut) for rule, cut in frozen.items()}
    (given.folder / f"cutoffs-{given.seed}.json").write_text(json.dumps(cutoffs, indent=2))


if __name__ == "__main__":
    main()
