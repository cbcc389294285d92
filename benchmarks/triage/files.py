"""Whole heads of a set of the study as DICOM files, and their labels: for ``dicomnode models train`` and ``calibrate``.

    python -m benchmarks.triage.files FOLDER --set calibration --networks STUDY

writes FOLDER/exams, FOLDER/labels.csv and, where STUDY holds networks of benchmarks.triage.study, FOLDER/models as
`dicomnode models train` would have left it.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import tomli_w

from benchmarks.routing.exams import write_volumes
from benchmarks.triage.physics import SEQUENCES
from benchmarks.triage.scans import head
from benchmarks.triage.study import DOMAIN, SETS
from dicomnode_plugins._learning import weights

_ARCHITECTURE = "densenet-small"


def write(folder: Path, name: str, count: int) -> None:
    """Write the first exams of a set, a folder each, and the table that says which are recurrences."""
    one = partial(_write, folder / "exams", SETS[name][1])
    with ProcessPoolExecutor() as processes:
        rows = list(processes.map(one, range(count), chunksize=4))
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("study", "label", "set"), *((study, label, name) for study, label in rows)])


def _write(folder: Path, seed: int, number: int) -> tuple[str, int]:
    made = write_volumes(folder / str(number), number, *head(number, seed))
    return made.study, int(made.kind == "recurrence")


def as_trained(study: Path, folder: Path, seed: int) -> None:
    """Put networks of the study into a folder as a training leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for sequence in SEQUENCES:
        file = folder / f"{sequence}.safetensors"
        shutil.copyfile(study / f"{sequence}-{seed}.safetensors", file)
        files[sequence] = {"file": file.name, "sha256": weights.digest(file)}
    record = {"architecture": _ARCHITECTURE, "models": files, "data": {"exams": []}}
    (folder / "run.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    card = {
        "id": "npc-study",
        "version": str(seed),
        "plugin": "recurrence_triage",
        "slot": "triage",
        "architecture": _ARCHITECTURE,
        "status": "research",
        "statement": "benchmarks.triage.study",
        "weights": files,
        "domain": DOMAIN,
    }
    (folder / "card.toml").write_text(tomli_w.dumps(card), encoding="utf-8")


def main() -> None:
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--set", default="calibration", choices=SETS)
    parser.add_argument("--count", type=int, help="default: the whole set")
    parser.add_argument("--networks", type=Path, help="folder of benchmarks.triage.study")
    parser.add_argument("--seed", type=int, default=0, help="of the networks")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    write(given.folder, given.set, given.count or SETS[given.set][0])
    if given.networks:
        as_trained(given.networks, given.folder / "models", given.seed)


if __name__ == "__main__":
    main()
