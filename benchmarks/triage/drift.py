"""How soon a changed protocol is noticed on synthetic exams, and how often nothing has changed when an alarm says so.

    python -m benchmarks.triage.drift FOLDER [--in-control N] [--shifted N]

The statistics of the exams are kept in the folder, and what is there is not made again; about 50 CPU ms an exam.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.triage.patients import Difficulty, draw
from benchmarks.triage.physics import PROTOCOLS, SEQUENCES
from benchmarks.triage.scans import CROP, acquire, render
from dicomnode.domain.decision import LedgerEntry, Model
from dicomnode.domain.identity import AETitle, Digest, StudyInstanceUID
from dicomnode.monitor import drift
from dicomnode_plugins._learning.statistics import image_statistics

TUNING, JUDGING = 41, 42
"""Seeds of the patients; nothing was chosen on those of the second."""
FIRST = {name: 0 if name == "base" else 100_000 for name in PROTOCOLS}
"""Patient a cohort begins with: changed protocols see other patients than the unchanged one."""
BEFORE, WITHIN = 40, 50
"""Unchanged exams before a change, and exams after it within which it must be noticed."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)

Table = npt.NDArray[np.float64]


def cohort(folder: Path, seed: int, protocol: str, count: int, first: int = 0) -> tuple[list[str], Table]:
    """Names and values (exam, feature) of synthetic exams; made on first use."""
    file = folder / f"{seed}-{protocol.replace(' ', '-')}-{first}-{count}.npz"
    if not file.exists():
        one = partial(_exam, seed, protocol)
        with ProcessPoolExecutor(max_workers=os.cpu_count()) as processes:
            made = list(processes.map(one, range(first, first + count), chunksize=16))
        np.savez(file, names=sorted(made[0]), values=[[exam[name] for name in sorted(exam)] for exam in made])
    with np.load(file) as kept:
        return [str(name) for name in kept["names"]], kept["values"]


def _exam(seed: int, name: str, number: int) -> dict[str, float]:
    protocol = PROTOCOLS[name]
    patient = draw(np.random.default_rng((seed, number)), Difficulty())
    seen = acquire(render(patient, CROP, protocol), CROP, protocol, np.random.default_rng((seed, number, 1)))
    return image_statistics(dict(zip(SEQUENCES, seen.astype(np.float32), strict=True)))


def decisions(names: Sequence[str], table: Table) -> list[LedgerEntry]:
    """Ledger entries that hold these statistics and nothing else."""
    return [
        LedgerEntry(
            number=number,
            decided=NOW,
            task_id=Digest(str(number)),
            study_instance_uid=StudyInstanceUID(str(number)),
            plugin_version="",
            by=Model(plugin="benchmark"),
            tier="negative",
            positive=None,
            scores={},
            features=dict(zip(names, map(float, row), strict=True)),
            inputs={},
            sender=AETitle("PHANTOM"),
        )
        for number, row in enumerate(table)
    ]


def false_alarms(usual: drift.Reference, stream: list[LedgerEntry]) -> int:
    """Alarms on exams of which none has changed; each is acknowledged at once."""
    alarms = 0
    while found := drift.watch(usual, stream):
        alarms += 1
        stream = stream[found[0].exams :]
    return alarms


def judge(folder: Path, seed: int, protocols: Mapping[str, int], reference: int, repetitions: int) -> None:
    """Print false alarms, and how many exams of each changed protocol pass before the alarm."""
    random = np.random.default_rng(seed)
    exams = {name: decisions(*cohort(folder, seed, name, count, FIRST[name])) for name, count in protocols.items()}
    alarms = watched = 0
    delays: dict[str, list[float]] = {name: [] for name in protocols if name != "base"}
    first: dict[str, list[str]] = {name: [] for name in delays}
    for _ in range(repetitions):
        base = [exams["base"][n] for n in random.permutation(len(exams["base"]))]
        usual, stream = drift.reference(base[:reference]), base[reference:]
        alarms, watched = alarms + false_alarms(usual, stream), watched + len(stream)
        for name, found in delays.items():
            earlier = [stream[n] for n in random.integers(0, len(stream), BEFORE)]
            after = [exams[name][n] for n in random.permutation(len(exams[name]))[:WITHIN]]
            noticed = drift.watch(usual, [*earlier, *after])
            found.append(noticed[0].exams - BEFORE if noticed else np.inf)
            first[name] += [noticed[0].alarm.subject] if noticed else []
    print(f"reference of {reference}, {repetitions} times drawn: {alarms} false alarms in {watched} unchanged exams")
    for name, found in delays.items():
        caught = np.array([0 < delay <= WITHIN for delay in found])
        median, late = np.quantile(np.array(found)[caught], (0.5, 0.95)) if caught.any() else (np.nan, np.nan)
        names, counts = np.unique(first[name] or ["nothing"], return_counts=True)
        early = sum(delay <= 0 for delay in found)
        before = f" ({early} had an alarm before the change)" if early else ""
        print(
            f"{name:20} noticed within {WITHIN}: {caught.sum()} of {len(found)}{before}; exams to the alarm: "
            f"median {median:.0f}, 95 % {late:.0f}; most often by {names[counts.argmax()]}",
            flush=True,
        )


def main() -> None:
    """Make the exams of both seeds, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--in-control", type=int, default=4800)
    parser.add_argument("--shifted", type=int, default=60)
    parser.add_argument("--reference", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=50)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    for title, seed, share in (("tuning", TUNING, 3), ("judging", JUDGING, 1)):
        counts = {name: given.in_control // share if name == "base" else given.shifted for name in PROTOCOLS}
        print(f"{title} exams, seed {seed}", flush=True)
        judge(given.folder, seed, counts, given.reference, given.repetitions)


if __name__ == "__main__":
    main()
