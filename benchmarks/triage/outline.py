"""GTV proposals on phantoms: ``python -m benchmarks.triage.outline FOLDER [--seed N] [--publish FOLDER]``.

A small U-Net that sees T1 and T2 is trained on crops about a known nasopharynx. Its level is frozen, and it is judged,
on whole heads in which the nasopharynx must be found. Patients are those of ``benchmarks.triage.study``: none is in two
sets. Exams and weights are kept in the folder, and what is there is not made again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import tomli_w
import torch
from scipy.special import expit

from benchmarks.triage.scans import Exams, exams, prepared
from benchmarks.triage.study import DOMAIN, fitted
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.nasopharynx import NARROW
from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.outlining import LEVEL, best_level, judged, words
from dicomnode_plugins._learning.overlap import Overlap
from dicomnode_plugins._learning.training import ON_A_PHANTOM, Cases, Recipe, Trainer, logits
from dicomnode_plugins.recurrence_triage import OUTLINE, SPEC

# Name: how many, and the seed that their patients come from.
SETS = {"training": (1000, 11), "validation": (200, 12), "calibration": (200, 13), "test": (200, 14)}
WHOLE_HEADS = ("calibration", "test")
ARCHITECTURE = "unet-small"
NAME, SEEN = "t1_t2", 2
RECIPE = replace(ON_A_PHANTOM, epochs=8, rate=3e-3)
SILENT = 150
"""Training exams without a recurrence: they teach silence, and cost as much as the others."""


def cohort(folder: Path, name: str) -> Exams:
    """One of the sets, made on first use."""
    file = folder / f"outlined-{name}.npz"
    if not file.exists():
        made = (prepared if name in WHOLE_HEADS else exams)(*SETS[name], outlined=True)
        assert made.lesions is not None
        np.savez(file, volumes=made.volumes.astype(np.float16), kinds=made.kinds, lesions=made.lesions)
    with np.load(file) as kept:
        volumes = kept["volumes"].astype(np.float32)
        return Exams(volumes=volumes, kinds=kept["kinds"], lesions=kept["lesions"])


def mostly_ill(made: Exams) -> Exams:
    """Every recurrence, and the first few of the others."""
    assert made.lesions is not None
    kept = np.sort(np.concatenate([np.flatnonzero(made.positive), np.flatnonzero(~made.positive)[:SILENT]]))
    return Exams(volumes=made.volumes[kept], kinds=made.kinds[kept], lesions=made.lesions[kept])


def with_masks(made: Exams) -> Cases:
    """T1 and T2, and behind them where the recurrence is."""
    assert made.lesions is not None
    volumes = np.concatenate([made.volumes[:, :SEEN], made.lesions[:, None]], 1, dtype=np.float32)
    positive = torch.from_numpy(made.positive.astype(np.float32))
    return Cases(volumes=torch.from_numpy(volumes), positive=positive, masks=1)


def trained(folder: Path, recipe: Recipe, device: str) -> torch.nn.Module:
    """The network, trained on first use."""
    torch.manual_seed(recipe.seed)
    net = network(ARCHITECTURE, SEEN)

    def trainer() -> Trainer:
        training = with_masks(mostly_ill(cohort(folder, "training")))
        validation = with_masks(cohort(folder, "validation"))
        return Trainer(net, recipe, training, validation, device, Overlap())

    return fitted(net, folder / f"outline-{recipe.seed}.safetensors", trainer)


def report(folder: Path, net: torch.nn.Module) -> float:
    """Freeze the level on the calibration set and print how both sets agree with it; returns the level."""
    level = 0.0
    for part in WHOLE_HEADS:
        made = cohort(folder, part)
        assert made.lesions is not None
        maps = expit(logits(net, torch.from_numpy(made.volumes[:, :SEEN])))
        if part == "calibration":
            level = best_level(maps, made.lesions)
            print(f"level {level:.2f}")
        print(words(asdict(judged(maps >= level, made.lesions, NARROW.spacing)), part))
    return level


def publish(source: Path, folder: Path, seed: int, level: float) -> None:
    """Write the network and its card beside the plugin's other demonstration weights."""
    file = folder / "outline.safetensors"
    shutil.copyfile(source / f"outline-{seed}.safetensors", file)
    calibration = cohort(source, "calibration")
    digest = hashlib.sha256(calibration.volumes.astype(np.float16).tobytes() + "".join(calibration.kinds).encode())
    card = {
        "id": "npc-phantom-outline",
        "version": str(1 + seed),
        "plugin": SPEC.name,
        "slot": OUTLINE,
        "architecture": ARCHITECTURE,
        "status": "demonstration",
        "statement": "603 synthetic exams of benchmarks/triage, one protocol at 1.5 T, one seed. No patient, ever.",
        "weights": {NAME: {"file": file.name, "sha256": weights.digest(file)}},
        "cutoffs": {LEVEL: level},
        "calibration": {
            "digest": digest.hexdigest(),
            "cases": len(calibration.kinds),
            "rule": "largest mean DSC",
        },
        "domain": DOMAIN,
    }
    (folder / "outline.toml").write_text(tomli_w.dumps(card), encoding="utf-8")


def main() -> None:
    """Train, freeze the level, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="where the network is trained")
    parser.add_argument("--publish", type=Path, help="write weights and card there")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    net = trained(given.folder, replace(RECIPE, seed=given.seed), given.device)
    level = report(given.folder, net)
    (given.folder / f"level-{given.seed}.json").write_text(json.dumps({LEVEL: level}))
    if given.publish:
        publish(given.folder, given.publish, given.seed, level)


if __name__ == "__main__":
    main()
