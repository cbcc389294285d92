"""How well scores part two classes: receiver operating characteristic, its area, and comparisons of two readers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, chi2, norm, rankdata

from dicomnode.sdk.intervals import Z95

Scores = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Area under the curve, or a difference of two, with its 95 % interval and two-sided p."""

    value: float
    low: float
    high: float
    p: float
    """Against 0.5 for an area, against 0 for a difference."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Sensitivity and specificity of ``score >= cut`` for every cut that makes a difference, cuts ascending."""

    cuts: Scores
    sensitivity: Scores
    specificity: Scores


def curve(positive: Labels, scores: Scores) -> Curve:
    """The receiver operating characteristic.

    Parameters
    ----------
    positive : (n,) bool
        True class.
    scores : (n,) float64
        Larger means more likely positive.

    Raises
    ------
    ValueError
        When a class is empty or a score is no number; so everywhere in this module.
    """
    with_it, without = _classes(positive, scores)
    cuts = np.unique(scores)
    sensitivity = 1 - np.searchsorted(np.sort(with_it), cuts, side="left") / len(with_it)
    specificity = np.searchsorted(np.sort(without), cuts, side="left") / len(without)
    return Curve(cuts=cuts, sensitivity=sensitivity, specificity=specificity)


def area(positive: Labels, scores: Scores) -> Area:
    """Area under the curve with its interval by DeLong 1988."""
    value, over, under = _placements(positive, scores)
    return _with_interval(value, math.sqrt(_variance(over) + _variance(under)), against=0.5, highest=1.0)


def area_difference(positive: Labels, first: Scores, second: Scores) -> Area:
    """Area of ``first`` minus area of ``second`` on the same cases (DeLong 1988, paired)."""
    one, one_over, one_under = _placements(positive, first)
    other, other_over, other_under = _placements(positive, second)
    error = math.sqrt(_variance(one_over - other_over) + _variance(one_under - other_under))
    return _with_interval(one - other, error, against=0.0, highest=1.0)


def mcnemar(first_right: Labels, second_right: Labels) -> float:
    """Two-sided p that two readers of the same cases are equally often right (McNemar 1947).

    Exact binomial below 25 discordant cases, chi-squared with continuity correction from there.
    """
    first_only = int(np.sum(first_right & ~second_right))
    second_only = int(np.sum(second_right & ~first_right))
    discordant = first_only + second_only
    if discordant == 0:
        return 1.0
    if discordant < 25:
        return float(min(1.0, 2 * binom.cdf(min(first_only, second_only), discordant, 0.5)))
    statistic = max(0.0, abs(first_only - second_only) - 1.0) ** 2 / discordant
    return float(chi2.sf(statistic, 1))


def _classes(positive: Labels, scores: Scores) -> tuple[Scores, Scores]:
    if positive.shape != scores.shape or not np.isfinite(scores).all():
        raise ValueError("one finite score for each case is needed")
    with_it, without = scores[positive], scores[~positive]
    if not len(with_it) or not len(without):
        raise ValueError("both classes are needed")
    return with_it, without


def _placements(positive: Labels, scores: Scores) -> tuple[float, Scores, Scores]:
    """Area; for each positive the share of negatives below it, for each negative that of positives above it."""
    with_it, without = _classes(positive, scores)
    together = rankdata(np.concatenate([with_it, without]))
    over = (together[: len(with_it)] - rankdata(with_it)) / len(without)
    under = 1 - (together[len(with_it) :] - rankdata(without)) / len(with_it)
    return float(over.mean()), over, under


def _variance(placements: Scores) -> float:
    """Variance of the mean."""
    return float(placements.var(ddof=1) / len(placements)) if len(placements) > 1 else math.inf


def _with_interval(value: float, error: float, *, against: float, highest: float) -> Area:
    p = 1.0 if value == against else float(2 * norm.sf(abs(value - against) / error)) if error else 0.0
    return Area(value=value, low=value - Z95 * error, high=min(highest, value + Z95 * error), p=p)
