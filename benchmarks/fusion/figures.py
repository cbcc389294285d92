"""Register phantom pairs and print one JSON row for each; with --summary, tell what rows say.

    python -m benchmarks.fusion.figures KIND:MAKER:FIRST:LAST... >> rows.jsonl
    python -m benchmarks.fusion.figures --summary rows.jsonl

KIND is ``true`` (20 degrees and 30 mm on each axis at most) or one of those in
:data:`benchmarks.fusion.pairs.NEGATIVES`; LAST is not made. A pair costs about 2.5 CPU seconds to register, and 1
(Philips) or 4 (Siemens) to paint."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fusion import pairs
from dicomnode_plugins._imaging.registration import register
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins.fusion import contrast, gates


def row(kind: str, maker: str, seed: int) -> dict[str, Any]:
    """What one pair gives."""
    pair = pairs.make(maker, seed, kind=kind)
    start = time.process_time()
    alignment = register(pair.t1, pair.mrn)
    seconds = time.process_time() - start
    moved = onto(pair.t1, pair.mrn, alignment.matrix)
    return {
        "kind": kind,
        "maker": maker,
        "seed": seed,
        "error": float(pair.errors(alignment.matrix).mean()),
        "at_start": float(pair.errors(np.eye(4)).mean()),
        "seconds": seconds,
        "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "figures": {**alignment.figures, **contrast.figures(pair.t1, moved)},
    }


def summary(rows: Sequence[dict[str, Any]]) -> None:
    """Errors of true pairs; refusals of all kinds, by the gates as they are now."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for entry in rows:
        groups[entry["kind"], entry["maker"]].append(entry)
        if entry["kind"] == "true":
            groups["true", "all"].append(entry)
    for (kind, maker), group in sorted(groups.items()):
        refused = sum(bool(gates.failed(entry["figures"], same_frame=False)) for entry in group)
        line = f"{kind:14} {maker:8} {len(group):4} pairs, {refused:3} refused"
        if kind == "true":
            errors, seconds = (np.array([entry[name] for entry in group]) for name in ("error", "seconds"))
            line += f", error mean {errors.mean():.3f} median {np.median(errors):.3f}"
            line += f" p95 {np.percentile(errors, 95):.3f} max {errors.max():.3f} mm, over 2 mm {(errors > 2).sum()}"
            line += f", CPU s mean {seconds.mean():.2f} max {seconds.max():.2f}"
        print(line)
    for name, (low, high) in gates.LIMITS.items():
        figures = [(entry["kind"] == "true", entry["figures"][name]) for entry in rows]
        true, false = ([figure for is_true, figure in figures if is_true is wanted] for wanted in (True, False))
        if true and false:
            ends = [f"{min(values):.3f} to {max(values):.3f}" for values in (true, false)]
            print(f"{name} [{low:g}, {high:g}]: true {ends[0]}, others {ends[1]}")


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "--summary":
        summary([json.loads(line) for path in arguments[1:] for line in Path(path).read_text().splitlines()])
        return
    for argument in arguments:
        kind, maker, first, last = argument.split(":")
        for seed in range(int(first), int(last)):
            print(json.dumps(row(kind, maker, seed)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
