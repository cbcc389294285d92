"""Run the plugin's search on many hard phantoms and print what it gets right and wrong.

    python -m benchmarks.fat_fraction.figures FIRST LAST

About 1.5 s an exam on one core.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.fat_fraction.exams import HardExam, examine
from dicomnode_plugins.fat_fraction import dual_echo, organs
from dicomnode_plugins.fat_fraction.organs import Organs


def dice(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """Overlap of two masks, 0 to 1."""
    return 2 * float(np.count_nonzero(one & other)) / float(np.count_nonzero(one) + np.count_nonzero(other))


def outline(exam: HardExam) -> tuple[dict[str, Any], Organs]:
    """How well liver and spleen are found."""
    in_phase, opposed = exam.volumes["in_phase"], exam.volumes["opposed_phase"]
    body = dual_echo.body_mask(in_phase)
    found = organs.search(in_phase, opposed, body)
    percent = dual_echo.signal_fat_fraction(in_phase.array, opposed.array, body & (in_phase.array > 0))
    names = exam.tissue[exam.top]
    error = np.median(percent[found.core]) - np.median(exam.percent[names == "liver"]) if found.core.any() else np.nan
    return {
        "dice": dice(found.liver, exam.liver),
        "failed": found.quality.failed,
        "error": float(error),
        "spleen": float(np.mean(names[found.spleen] == "spleen")) if found.spleen.any() else np.nan,
    }, found


def main(first: int, last: int) -> None:
    """Print the figures of a range of seeds."""
    rows = {seed: outline(examine(seed))[0] for seed in range(first, last)}
    passed = [row for row in rows.values() if not row["failed"]]
    overlap = np.array([row["dice"] for row in passed])
    error, purity = (np.array([row[name] for row in passed]) for name in ("error", "spleen"))
    print(f"{len(rows)} exams, {len(passed)} outlines accepted")
    print(f"Dice: median {np.median(overlap):.3f}, 5 % {np.percentile(overlap, 5):.3f}, least {overlap.min():.3f}")
    print(f"Liver against truth: median {np.median(error):+.2f}, largest {np.abs(error).max():.2f} points")
    print(f"Spleen found in {np.isfinite(purity).sum()}, more than a tenth other tissue in {(purity < 0.9).sum()}")
    for seed, row in rows.items():
        if row["failed"] or row["dice"] < 0.85:
            print(f"seed {seed}: Dice {row['dice']:.3f}, {'; '.join(row['failed']) or 'accepted'}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
