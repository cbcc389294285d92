"""The registration engine beside those of others: the same pairs in the same run.

    python -m benchmarks.fusion.compare ROWS [FIRST LAST]

Ten pairs of each maker unless told otherwise, 20 degrees and 30 mm on each axis at most, at study size. Rows are kept
as by :mod:`benchmarks.fusion.figures`; a table is printed at the end. CPU seconds are those of all threads; set
``ITK_GLOBAL_DEFAULT_NUMBER_OF_ITK_THREADS=1`` and ``OMP_NUM_THREADS=1`` on a busy machine. An engine that is not
installed is named and left out."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fusion import pairs
from benchmarks.fusion.engines import ENGINES
from benchmarks.fusion.figures import keep, read

_NEEDS = {"itk-elastix, rigid": "itk", "ANTsPy, Rigid": "ants"}
_FIRST = 2000


def table(rows: Sequence[dict[str, Any]]) -> None:
    """One line for each engine."""
    for engine in ENGINES:
        group = [entry for entry in rows if entry["engine"] == engine]
        if not group:
            continue
        errors, seconds = (np.array([entry[name] for entry in group]) for name in ("error", "seconds"))
        near = errors[errors <= 2]
        print(
            f"{engine:20} {len(group):3} pairs, over 2 mm {np.count_nonzero(errors > 2):3}, "
            f"error median {np.median(errors):7.3f} max {errors.max():7.3f} mm; "
            f"those within 2 mm: mean {near.mean() if near.size else np.nan:.3f} "
            f"max {near.max() if near.size else np.nan:.3f}; CPU s mean {seconds.mean():.1f} max {seconds.max():.1f}"
        )


def main(arguments: Sequence[str]) -> None:
    path = Path(arguments[0])
    first, last = (int(n) for n in arguments[1:3]) if arguments[1:] else (_FIRST, _FIRST + 10)
    there = [name for name in ENGINES if name not in _NEEDS or find_spec(_NEEDS[name])]
    for missing in sorted(set(ENGINES) - set(there)):
        print(
            f"{missing}: not installed, left out (pip install -r benchmarks/fusion/requirements.txt)", file=sys.stderr
        )
    made = {(entry["maker"], entry["seed"], entry["engine"]) for entry in read(path)}
    for name in there:
        for seed, maker in product(range(first, last), pairs.MAKERS):
            if (maker, seed, name) in made:
                continue
            pair = pairs.make(maker, seed)
            start = time.process_time()
            matrix = ENGINES[name](pair.t1, pair.mrn)
            seconds = time.process_time() - start
            error = float(pair.errors(matrix).mean())
            keep(path, {"maker": maker, "seed": seed, "engine": name, "error": error, "seconds": seconds})
    table(read(path))


if __name__ == "__main__":
    main(sys.argv[1:])
