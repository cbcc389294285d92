"""Register phantom pairs and keep one JSON row for each; with --summary, tell what rows say.

    python -m benchmarks.fusion.figures ROWS [KIND:MAKER:FIRST:LAST...]
    python -m benchmarks.fusion.figures --summary ROWS...

Without ranges, the whole sweep: 300 true pairs and 153 that must be refused, both makers. KIND is ``true`` (20 degrees
and 30 mm on each axis at most), one of those in :data:`benchmarks.fusion.pairs.NEGATIVES`, or one of :data:`STRETCHED`,
which are registered with an affine motion allowed; LAST is not made. Rows are appended one by one, and a pair that has
its row is not made again: a sweep that was cut short goes on where it stood. A pair costs about 2.5 CPU seconds to
register, and 1 (Philips) or 4 (Siemens) to paint."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fusion import pairs
from dicomnode_plugins._imaging.registration import register
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins.fusion import contrast, gates

STRETCHED = {"rigid": 0.0, "stretched_1": 0.01, "stretched_2": 0.02, "stretched_3": 0.03}
"""Largest stretch along an axis of true pairs."""
_FIRST = 2000
"""Seed of the sweep; the limits of the gates were set with lower ones in view."""


def row(kind: str, maker: str, seed: int) -> dict[str, Any]:
    """What one pair gives."""
    scale = STRETCHED.get(kind)
    pair = pairs.make(maker, seed, kind=kind if scale is None else "true", scale=scale or 0.0)
    start = time.process_time()
    alignment = register(pair.t1, pair.mrn, affine=scale is not None)
    seconds = time.process_time() - start
    moved = onto(pair.t1, pair.mrn, alignment.matrix)
    return {
        "kind": kind,
        "maker": maker,
        "seed": seed,
        "error": float(pair.errors(alignment.matrix).mean()),
        "affine": alignment.affine,
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
        if kind == "true" or kind in STRETCHED:
            errors, seconds = (np.array([entry[name] for entry in group]) for name in ("error", "seconds"))
            line += f", error mean {errors.mean():.3f} median {np.median(errors):.3f}"
            line += f" p95 {np.percentile(errors, 95):.3f} max {errors.max():.3f} mm, over 2 mm {(errors > 2).sum()}"
            if kind in STRETCHED:
                line += f", affine kept {sum(entry['affine'] for entry in group)}"
            line += f", CPU s mean {seconds.mean():.2f} max {seconds.max():.2f}"
        print(line)
    for name, (low, high) in gates.LIMITS.items():
        figures = [(e["kind"] == "true", e["figures"][name]) for e in rows if e["kind"] not in STRETCHED]
        true, false = ([figure for is_true, figure in figures if is_true is wanted] for wanted in (True, False))
        if true and false:
            ends = [f"{min(values):.3f} to {max(values):.3f}" for values in (true, false)]
            print(f"{name} [{low:g}, {high:g}]: true {ends[0]}, others {ends[1]}")


def sweep() -> Iterator[tuple[str, str, int]]:
    """Kind, maker and seed of every pair, mixed so that the first rows already say something of each kind."""
    for block in range(15):
        for maker in pairs.MAKERS:
            yield from (("true", maker, seed) for seed in range(_FIRST + 10 * block, _FIRST + 10 * block + 10))
        for maker, count in (("philips", 9), ("siemens", 8)):
            yield from ((kind, maker, _FIRST + block) for kind in pairs.NEGATIVES if block < count)


def ranges(arguments: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    """Kind, maker and seed of every pair in ``KIND:MAKER:FIRST:LAST``."""
    for argument in arguments:
        kind, maker, first, last = argument.split(":")
        yield from ((kind, maker, seed) for seed in range(int(first), int(last)))


def read(path: Path) -> list[dict[str, Any]]:
    """The whole rows of a file; a last line that was cut short is none."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            print(f"{path}: a row was cut short and is made again", file=sys.stderr)
    return rows


def keep(path: Path, entry: dict[str, Any]) -> None:
    """Append a row, on a line of its own even after one that was cut short."""
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a") as file:
        file.write(("" if whole else "\n") + json.dumps(entry) + "\n")


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "--summary":
        summary([entry for path in arguments[1:] for entry in read(Path(path))])
        return
    path = Path(arguments[0])
    made = {(entry["kind"], entry["maker"], entry["seed"]) for entry in read(path)}
    for asked in ranges(arguments[1:]) if arguments[1:] else sweep():
        if asked not in made:
            keep(path, row(*asked))


if __name__ == "__main__":
    main(sys.argv[1:])
