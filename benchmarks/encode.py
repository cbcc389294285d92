"""What a full set of result objects costs: time by kind and peak memory, with reading and proof.

A volume of 200 slices from two series of MR files: segmentation with three segments, report, map of floats, and a
colour picture for every slice. The first line is the whole set; each other line one kind alone, which reads the same
headers again. Seconds depend on the machine; the shares are what to compare.

    python benchmarks/encode.py [--slices 200] [--size 256] [--runs 3]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dicomnode.domain.task import ResultKind
from dicomnode.encode import Work, encode
from dicomnode.sdk import Finding, Measurement, ParametricMap, SecondaryCapture, Segment, Segmentation, codes
from tests import builders, cases

FULL: frozenset[ResultKind] = frozenset({"SEG", "PM", "SC", "SR"})
ROWS: dict[str, frozenset[ResultKind]] = {
    "full set": FULL,
    "SEG": frozenset({"SEG"}),
    "PM": frozenset({"PM"}),
    "SC": frozenset({"SC"}),
    "SR and SEG": frozenset({"SR"}),
}


def findings(shape: tuple[int, int, int]) -> list[Finding]:
    """Three ellipsoids, a map, a picture for every slice, and numbers."""
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    labels = np.zeros(shape, np.uint8)
    for number, (row, column) in enumerate(((0.3, 0.3), (0.6, 0.4), (0.5, 0.75)), start=1):
        inside = (
            ((z / shape[0] - 0.5) / 0.45) ** 2
            + ((y / shape[1] - row) / 0.15) ** 2
            + ((x / shape[2] - column) / 0.12) ** 2
        )
        labels[inside < 1] = number
    values = np.random.default_rng(0).normal(20, 5, shape).astype(np.float32)
    colours = np.repeat((values * 4).clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)
    segments = tuple(
        Segment(label=label, category=codes.ANATOMICAL_STRUCTURE, type=codes.LIVER)
        for label in ("Liver", "Spleen", "Focus")
    )
    return [
        Segmentation(on="in-phase", labels=labels, segments=segments),
        ParametricMap(
            on="in-phase",
            derived_from=("in-phase", "opposed-phase"),
            array=values,
            quantity=codes.FAT_FRACTION,
            unit=codes.PERCENT,
            label="FF",
            title="Fat fraction",
            value_range=(0.0, 50.0),
            window=(25.0, 50.0),
        ),
        SecondaryCapture(on="in-phase", derived_from=("in-phase", "opposed-phase"), frames=colours, title="In colour"),
        *(
            Measurement(name=codes.FAT_FRACTION, value=20.0, unit=codes.PERCENT, of=segment.label, derivation=how)
            for segment in segments
            for how in (codes.MEAN, codes.MEDIAN, codes.STANDARD_DEVIATION)
        ),
    ]


def exam(folder: Path, shape: tuple[int, int, int]) -> Work:
    """Two series of MR files on one grid."""
    grid = builders.grid(shape)
    inputs = {
        role: builders.mr_series(folder, geometry=grid, series=role, echo_time=echo)
        for role, echo in (("in-phase", 4.6), ("opposed-phase", 2.3))
    }
    return cases.work(inputs, dict.fromkeys(inputs, grid))


def measure(work: Work, said: list[Finding], runs: int) -> tuple[float, float, int]:
    """Median seconds on the clock and of the processor, and bytes written."""
    clock, processor, size = [], [], 0
    for _ in range(runs):
        start = time.perf_counter(), time.process_time()
        results = encode(said, work)
        clock.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
        size = sum(len(result.content) for result in results)
    return statistics.median(clock), statistics.median(processor), size


def _row(name: str, work: Work, shape: tuple[int, int, int], runs: int) -> None:
    said = findings(shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, processor, size = measure(replace(work, kinds=ROWS[name]), said, runs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"{name:12} {clock:6.2f} s ({processor:.2f} s of processor)  {size / 2**20:7.1f} MiB written  "
        f"peak {peak / 2**10:5.0f} MiB ({before / 2**10:.0f} MiB before: findings and libraries)"
    )


def main() -> None:
    """Print one line for each set of kinds, each measured in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--slices", type=int, default=200)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    shape = (arguments.slices, arguments.size, arguments.size)
    print(f"{shape[0]} slices of {shape[1]} x {shape[2]}, median of {arguments.runs} runs")
    with TemporaryDirectory(prefix="dicomnode-bench-") as name:
        work = exam(Path(name), shape)
        for row in ROWS:
            process = multiprocessing.get_context("spawn").Process(target=_row, args=(row, work, shape, arguments.runs))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
