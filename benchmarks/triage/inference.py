"""How long one exam takes: preparation, three networks and their attention, on a phantom as a scanner writes it.

    python -m benchmarks.triage.inference [--threads 2] [--repeats 5]

Weights are random: time does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import torch

from benchmarks.triage.scans import WHOLE, exam
from dicomnode.sdk import Model, Weights
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.nasopharynx import prepare
from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.scoring import crop_of
from dicomnode_plugins.recurrence_triage.verdict import judge

_T = TypeVar("_T")


def a_model(architecture: str, folder: Path) -> Model:
    """Three networks of random weights."""
    files = {}
    for name in ("t1", "t2", "t1c"):
        path = folder / f"{architecture}-{name}.safetensors"
        files[name] = Weights(path=path, sha256=weights.save(network(architecture), path))
    cutoffs = {"first": 1.0, "second": 0.0, "second_reader": 0.5}
    return Model(
        id="random", version="1", status="demonstration", architecture=architecture, digest="", files=files,
        cutoffs=cutoffs,
    )  # fmt: skip


def timed(work: Callable[[], _T], repeats: int) -> tuple[_T, float, float]:
    """What the work returns, and the median seconds of wall clock and of processor time."""
    walls, processors = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        made = work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return made, statistics.median(walls), statistics.median(processors)


def main() -> None:
    """Print a row for each architecture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    volumes, _ = exam(0, 14, grid=WHOLE)
    with TemporaryDirectory() as folder:
        for architecture in ("densenet121", "densenet-small"):
            model = a_model(architecture, Path(folder))
            crop = crop_of(model)
            prepared, wall, processor = timed(lambda crop=crop: prepare(volumes, crop), given.repeats)
            _, judged, judging = timed(lambda m=model, p=prepared: judge(m, p), given.repeats)
            print(
                f"{architecture}: preparation {wall:.2f} s ({processor:.2f} CPU s), loading, three networks "
                f"with spread and attention {judged:.2f} s ({judging:.2f} CPU s); together {wall + judged:.2f} s"
            )


if __name__ == "__main__":
    main()
