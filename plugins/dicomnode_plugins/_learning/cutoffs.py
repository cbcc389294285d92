"""Cut-offs of a layered decision, frozen on calibration cases and never on test cases."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from dicomnode.sdk.intervals import wilson
from dicomnode_plugins._learning.discrimination import Labels, Scores, curve

Rule = Literal["lower bound", "point"]

FEWEST_CASES = 400
"""With fewer, calibration is refused more often than not, or spares little contrast (200 redraws on phantoms)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """Where the layers part; a score equal to a cut-off belongs above it."""

    first: float
    """At or above: positive."""
    second: float
    """At or above, below ``first``: suspicious, the second reader decides. Below: negative."""
    second_reader: float
    """At or above: the second reader says positive."""


class CalibrationRefused(ValueError):
    """These cases cannot carry the cut-offs that were asked for; the text says what is missing."""


def youden(positive: Labels, scores: Scores) -> float:
    """Cut with the largest sensitivity + specificity; of several the lowest, which is the more sensitive.

    Raises
    ------
    ValueError
        As :func:`dicomnode_plugins._learning.discrimination.curve`.
    """
    found = curve(positive, scores)
    gain = np.round(found.sensitivity + found.specificity, 12)  # equal gains must not be parted by rounding
    return float(found.cuts[int(np.argmax(gain))])


def layered(scores: Scores, second_reader: Scores, cutoffs: Cutoffs) -> Labels:
    """Which cases the two layers together call positive."""
    suspicious = (scores >= cutoffs.second) & (scores < cutoffs.first)
    called: Labels = (scores >= cutoffs.first) | (suspicious & (second_reader >= cutoffs.second_reader))
    return called


def freeze(
    positive: Labels,
    scores: Scores,
    second_reader: Scores | None,
    *,
    sensitivity: float = 0.90,
    rule: Rule = "lower bound",
    fewest_cases: int = FEWEST_CASES,
) -> Cutoffs:
    """Cut-offs for a layered sensitivity that holds beyond the calibration cases.

    The first is Youden's. The second is the highest at which the layered call reaches the wanted sensitivity: by its
    one-sided 95 % Wilson lower bound, or by its point estimate as in DARNDEST, which aims at the target itself and so
    misses it on new cases about half the time. The second reader's cut is Youden's among the cases below the first
    cut, the only ones it ever sees. Without a second reader whoever sees the enhanced images is taken to be right: the
    sensitivity is the share of positive cases at or above the second cut.

    Parameters
    ----------
    positive : (n,) bool
    scores, second_reader : (n,) float64
        Of the first and the second layer, if there is one.

    Raises
    ------
    CalibrationRefused
        For fewer than ``fewest_cases``, or when no cut reaches the sensitivity.
    """
    if len(positive) < fewest_cases:
        raise CalibrationRefused(f"calibration needs {fewest_cases} cases, there are {len(positive)}")
    first = youden(positive, scores)
    below = scores < first
    second_cut, found = 1.0, np.ones_like(positive)
    if second_reader is not None:
        if not 0 < positive[below].sum() < below.sum():
            raise CalibrationRefused(
                "below the first cut-off is one class only: the second reader cannot be calibrated"
            )
        second_cut = youden(positive[below], second_reader[below])
        found = second_reader >= second_cut
    cases = int(positive.sum())
    sure = int((positive & ~below).sum())
    rescued = np.sort(scores[positive & below & found])
    z = NormalDist().inv_cdf(0.95) if rule == "lower bound" else 0.0
    for cut in np.unique(scores[below])[::-1]:
        hits = sure + len(rescued) - int(np.searchsorted(rescued, cut, side="left"))
        if wilson(hits, cases, z).low >= sensitivity:
            return Cutoffs(first=first, second=float(cut), second_reader=second_cut)
    raise CalibrationRefused(f"no second cut-off reaches a sensitivity of {sensitivity:g} by the rule of the {rule}")
