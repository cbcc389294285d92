"""What acting on a score is worth: decision curves (Vickers and Elkin 2006)."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins._learning.discrimination import Labels, Scores


def net_benefit(positive: Labels, called: Labels, threshold: float) -> float:
    """True positives less false positives weighed by the odds of the threshold, for each case.

    Parameters
    ----------
    threshold : float
        Probability at which a reader would act, 0 to below 1.

    Raises
    ------
    ValueError
        When the threshold is none, or there is no case.
    """
    if not 0 <= threshold < 1:
        raise ValueError(f"a threshold lies between 0 and 1, not at {threshold:g}")
    if not len(positive):
        raise ValueError("there is no case")
    odds = threshold / (1 - threshold)
    return float((np.sum(called & positive) - odds * np.sum(called & ~positive)) / len(positive))


def decision_curve(positive: Labels, probabilities: Scores, thresholds: Scores) -> Scores:
    """Net benefit of acting at or above each threshold: (n,) for (n,) thresholds."""
    return np.array([net_benefit(positive, probabilities >= at, float(at)) for at in thresholds])


def acting_on_all(positive: Labels, thresholds: Scores) -> Scores:
    """Net benefit of acting on everybody."""
    everybody = np.ones_like(positive)
    return np.array([net_benefit(positive, everybody, float(at)) for at in thresholds])
