"""Run the plugin's search on many hard phantoms and print what it gets right and wrong.

    python -m benchmarks.fat_fraction.figures FIRST LAST

About 1.5 s an exam on one core.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from benchmarks.fat_fraction.exams import HardExam, examine
from dicomnode.sdk import Case
from dicomnode_plugins._learning.agreement import dice
from dicomnode_plugins.fat_fraction import SPEC, dual_echo, foci, organs, sparing
from dicomnode_plugins.fat_fraction.organs import Organs


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


def called(exam: HardExam, found: Organs) -> dict[str, Any]:
    """What is called sparing, with both contrast-enhanced series."""
    in_phase, opposed = exam.volumes["in_phase"], exam.volumes["opposed_phase"]
    percent = dual_echo.signal_fat_fraction(in_phase.array, opposed.array, found.liver & (in_phase.array > 0))
    case = Case(volumes=exam.volumes, parameters=SPEC.resolve({}))
    spared, lesions = exam.patient.spared, exam.patient.lesions
    hit, false, wrong = set(), 0, []
    if not found.quality.failed and np.nanmedian(percent[found.core]) >= sparing.STEATOSIS:
        for candidate, contrast in foci.search(case, percent, found).areas:
            if not foci.judgement(contrast).startswith(foci.TYPICAL):
                continue
            focus = candidate.focus
            place = (in_phase.affine @ (focus.column, focus.row, focus.plane, 1))[:3].astype(np.float32)
            hits = {n for n, shape in enumerate(spared) if shape.distance(*place) < 3}
            hit |= hits
            false += not hits
            wrong += [shape.tissue for shape in lesions if not hits and shape.distance(*place) < 3]
    return {
        "spared": len(spared),
        "hit": len(hit),
        "false": false,
        "lesions": [lesion.tissue for lesion in lesions],
        "called": wrong,
    }


def main(first: int, last: int) -> None:
    """Print the figures of a range of seeds."""
    rows, calls = {}, []
    for seed in range(first, last):
        exam = examine(seed)
        rows[seed], found = outline(exam)
        calls.append(called(exam, found))
    passed = [row for row in rows.values() if not row["failed"]]
    overlap = np.array([row["dice"] for row in passed])
    error, purity = (np.array([row[name] for row in passed]) for name in ("error", "spleen"))
    print(f"{len(rows)} exams, {len(passed)} outlines accepted")
    print(f"Dice: median {np.median(overlap):.3f}, 5 % {np.percentile(overlap, 5):.3f}, least {overlap.min():.3f}")
    print(f"Liver against truth: median {np.median(error):+.2f}, largest {np.abs(error).max():.2f} points")
    print(f"Spleen found in {np.isfinite(purity).sum()}, more than a tenth other tissue in {(purity < 0.9).sum()}")
    there, hit, false = (sum(call[name] for call in calls) for name in ("spared", "hit", "false"))
    print(f"Spared areas called sparing: {hit} of {there}, refused outlines counted as missed; false calls {false}")
    for kind in ("washout", "fnh", "cyst"):
        wrong, lesions = (sum(call[name].count(kind) for call in calls) for name in ("called", "lesions"))
        print(f"{kind} called sparing: {wrong} of {lesions}")
    for seed, row in rows.items():
        if row["failed"] or row["dice"] < 0.85:
            print(f"seed {seed}: Dice {row['dice']:.3f}, {'; '.join(row['failed']) or 'accepted'}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
