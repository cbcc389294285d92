"""How good is the advice? Whole synthetic exams through the plugin, gates and all.

    python -m benchmarks.routing.judge [--exams 100] [--seed 14]

Seed 14 is the test cohort of ``benchmarks.triage.study``: no network and no cut-off has seen it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np

from benchmarks.triage.scans import COARSE, exam
from dicomnode.catalog.models import read
from dicomnode.sdk import Case, Decision, Recommendation
from dicomnode.sdk.codes import CONTRAST_MAY_BE_OMITTED
from dicomnode.sdk.intervals import wilson
from dicomnode.sdk.testing import run_plugin
from dicomnode_plugins._learning.discrimination import area
from dicomnode_plugins.contrast_routing import SPEC

SAFE = {"npc-follow-up": "yes", "contrast-demanded": "no", "contrast-reaction": "none", "egfr": 80.0, "pregnancy": "no"}
SAID = {"MagneticFieldStrength": 1.5, "ContrastBolusAgent": "no"}


def judged(seed: int, number: int) -> tuple[str, str, str, float | None]:
    """What the patient has, the advice and its reason, and the score where there is one."""
    card = Path(str(resources.files("dicomnode_plugins.contrast_routing"))) / "models" / "phantom" / "card.toml"
    seen, kind = exam(number, seed, grid=COARSE)
    case = Case(
        volumes={name: replace(seen[name], acquisition=SAID) for name in ("t1", "t2")},  # type: ignore[index]
        parameters=SPEC.resolve({}),
        facts=SAFE,
        models={"unenhanced": read(card).model},
    )
    findings = run_plugin(SPEC, case)
    (advice,) = (one for one in findings if isinstance(one, Recommendation))
    scores = [one.scores["t1_t2"] for one in findings if isinstance(one, Decision)]
    return kind, advice.value.meaning, advice.reason, scores[0] if scores else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exams", type=int, default=100)
    parser.add_argument("--seed", type=int, default=14)
    given = parser.parse_args()
    with ProcessPoolExecutor() as processes:
        made = list(processes.map(partial(judged, given.seed), range(given.exams)))
    scored = [one for one in made if one[3] is not None]
    positive = np.array([kind == "recurrence" for kind, *_ in scored])
    whole = area(positive, np.array([one[3] for one in scored]))
    print(f"{len(made)} exams, {len(scored)} scored; AUC {whole.value:.3f} ({whole.low:.3f}-{whole.high:.3f})")
    for has in ("recurrence", "fibrosis", "inflammation", "clear"):
        those = [advice for kind, advice, *_ in made if kind == has]
        print(f"  {has:12} {len(those):4}  {dict(Counter(those))}")
    missed = sum(kind == "recurrence" and advice == CONTRAST_MAY_BE_OMITTED.meaning for kind, advice, *_ in made)
    found = wilson(missed, int(sum(kind == "recurrence" for kind, *_ in made)))
    print(f"recurrences on which contrast may be omitted: {found.share:.3f} ({found.low:.3f}-{found.high:.3f})")
    print("not scored because:", dict(Counter(reason for *_, reason, score in made if score is None)))


if __name__ == "__main__":
    main()
