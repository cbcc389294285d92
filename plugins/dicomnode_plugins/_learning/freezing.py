"""A calibration as a hospital runs it: cut-offs frozen on exams no network has seen, judged on others, written down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit

from dicomnode.sdk import Context, Unsuitable
from dicomnode.sdk.cohort import Assignment, Example
from dicomnode.sdk.intervals import wald, wilson, wilson_continuity
from dicomnode_plugins._learning import cards, plots
from dicomnode_plugins._learning.course import counts, digest, labels, read_run, scored
from dicomnode_plugins._learning.cutoffs import FEWEST_CASES, CalibrationRefused, Cutoffs, Rule, freeze, layered
from dicomnode_plugins._learning.discrimination import Labels, Scores, area, area_difference, mcnemar
from dicomnode_plugins._learning.examples import having, sequences_of
from dicomnode_plugins._learning.reliability import judge, temperature
from dicomnode_plugins._learning.tiers import combined

CALIBRATION = "calibration.json"
COMBINED = "t1_t2"
SECOND, SECOND_CUT = "t1c", "second_reader"
_RULES: Mapping[str, Rule] = {"lower bound": "lower bound", "point": "point"}
_FEWEST_POSITIVE, _FEWEST_NEGATIVE = 50, 100
_CERTAIN = 1e-12  # a probability of 0 or 1 has no logit


def calibrate(assignment: Assignment, context: Context, networks: Sequence[str]) -> None:
    """Freeze the cut-offs of trained networks on the calibration set; a test set chooses nothing.

    Among the networks are t1 and t2, or t1_t2; with t1c there is a second layer, which sees the enhanced images.

    Leaves ``calibration.json`` and pictures of both sets in the output folder, which is that of the training, and
    writes the cut-offs into its card.

    Raises
    ------
    Unsuitable
        When the networks are not there, an exam was trained on, there are too few exams, or no cut-off will do.
    """
    if assignment.parameters["rule"] not in _RULES:
        raise Unsuitable(f"no rule is called {assignment.parameters['rule']!r}; there are {', '.join(_RULES)}")
    record = read_run(assignment.output)
    if missing := [name for name in networks if name not in record["models"]]:
        raise Unsuitable(f"the training has not ended: there is no network for {', '.join(missing)}")
    sequences = sorted({sequence for name in networks for sequence in sequences_of(name)})
    complete = having(assignment.examples, record["architecture"], sequences)
    refuse_seen(complete, record)
    chosen = [example for example in complete if example.part == "calibration"]
    positive = labels(chosen)
    _enough(positive)
    context.progress(0.1, f"scoring {len(chosen)} calibration exams")
    known = _scores(assignment.output, record, networks, chosen)
    cutoffs = _frozen(positive, known, assignment)
    report: dict[str, Any] = {
        "digest": digest(chosen),
        "rule": assignment.parameters["rule"],
        "sensitivity": assignment.parameters["sensitivity"],
        "left_out": {"incomplete": len(assignment.examples) - len(complete)},
        "cutoffs": {name: cut for name, cut in asdict(cutoffs).items() if name != SECOND_CUT or SECOND in known},
        "temperatures": {name: temperature(positive, values) for name, values in known.items()},
        "calibration": _judged(chosen, known, cutoffs),
        "test": None,
    }
    _pictures(assignment.output, "calibration", positive, known)
    if unseen := [example for example in complete if example.part == "test"]:
        context.progress(0.6, f"scoring {len(unseen)} test exams, which choose nothing")
        found = _scores(assignment.output, record, networks, unseen)
        report["test"] = {"digest": digest(unseen), **_judged(unseen, found, cutoffs)}
        _pictures(assignment.output, "test", labels(unseen), found)
    (assignment.output / CALIBRATION).write_text(json.dumps(report, indent=1), encoding="utf-8")
    cards.freeze(assignment.output, report, f"{report['rule']} >= {report['sensitivity']:g}")
    context.progress(1.0, "calibrated")


def refuse_seen(examples: Sequence[Example], record: Mapping[str, Any]) -> None:
    """Refuse exams that a training used.

    Raises
    ------
    Unsuitable
        When it used one of them.
    """
    seen = set(record["data"]["exams"])
    if known := sum(example.digest in seen for example in examples):
        raise Unsuitable(
            f"{known} of these exams were used in the training; cut-offs frozen on them would promise too much"
        )


def _enough(positive: Labels) -> None:
    with_it, without = int(positive.sum()), int((~positive).sum())
    if len(positive) < FEWEST_CASES or with_it < _FEWEST_POSITIVE or without < _FEWEST_NEGATIVE:
        raise Unsuitable(
            f"calibration needs {FEWEST_CASES} exams with every sequence, {_FEWEST_POSITIVE} of them positive and "
            f"{_FEWEST_NEGATIVE} negative; there are {len(positive)}, {with_it} positive and {without} negative"
        )


def _scores(
    folder: Path, record: Mapping[str, Any], networks: Sequence[str], examples: Sequence[Example]
) -> dict[str, Scores]:
    """Logits by network, and of T1_T2: the mean of two probabilities where no network sees both."""
    found = {name: scored(folder, record, name, examples) for name in networks}
    if COMBINED not in found:
        mean = np.array([combined(t1, t2) for t1, t2 in zip(expit(found["t1"]), expit(found["t2"]), strict=True)])
        found[COMBINED] = logit(mean.clip(_CERTAIN, 1 - _CERTAIN))
    return found


def _frozen(positive: Labels, known: Mapping[str, Scores], assignment: Assignment) -> Cutoffs:
    try:
        return freeze(
            positive,
            expit(known[COMBINED]),
            expit(known[SECOND]) if SECOND in known else None,
            sensitivity=float(assignment.parameters["sensitivity"]),
            rule=_RULES[str(assignment.parameters["rule"])],
        )
    except CalibrationRefused as error:
        raise Unsuitable(str(error)) from error


def _judged(examples: Sequence[Example], found: Mapping[str, Scores], cutoffs: Cutoffs) -> dict[str, Any]:
    """Every figure of one set at frozen cut-offs."""
    positive = labels(examples)
    scores = expit(found[COMBINED])
    alone = scores >= cutoffs.first
    layers = {"first layer": alone}
    if SECOND in found:
        layers["layered"] = layered(scores, expit(found[SECOND]), cutoffs)
    else:
        layers["contrast recommended"] = scores >= cutoffs.second
    return {
        **counts(examples),
        "areas": {name: asdict(area(positive, values)) for name, values in found.items()},
        "area_differences": {
            f"{COMBINED} - {name}": asdict(area_difference(positive, found[COMBINED], values))
            for name, values in found.items()
            if name != COMBINED
        },
        "reliability": {name: asdict(judge(positive, values)) for name, values in found.items()},
        **{name: _called(positive, called) for name, called in layers.items()},
        **{
            f"mcnemar first layer against {name}": mcnemar(alone == positive, called == positive)
            for name, called in layers.items()
            if called is not alone
        },
        "contrast spared": shares(scores < cutoffs.second),
    }


def _called(positive: Labels, called: Labels) -> dict[str, Any]:
    return {
        "sensitivity": shares(called[positive]),
        "specificity": shares(~called[~positive]),
        "accuracy": shares(called == positive),
    }


def shares(hits: Labels) -> dict[str, Any]:
    """A proportion with each of the intervals that are in use for it."""
    count, cases = int(hits.sum()), len(hits)
    intervals = {"wilson": wilson, "wilson with continuity": wilson_continuity, "wald": wald}
    found = {name: interval(count, cases) for name, interval in intervals.items()}
    return {
        "hits": count,
        "cases": cases,
        "share": count / cases,
        **{name: [one.low, one.high] for name, one in found.items()},
    }


def _pictures(folder: Path, part: str, positive: Labels, found: Mapping[str, Scores]) -> None:
    probabilities = {name: expit(values) for name, values in found.items()}
    plots.receiver_operating(positive, probabilities, folder / f"{part}-roc.png")
    plots.reliability(positive, probabilities, folder / f"{part}-reliability.png")
    plots.decisions(positive, probabilities, folder / f"{part}-decisions.png")
