"""Whether a score means what it says as a probability, and the one-parameter mend when it does not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from dicomnode_plugins._learning.discrimination import Labels, Scores

_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Figures of calibration."""

    brier: float
    """Mean squared difference of probability and outcome."""
    expected_error: float
    """Expected calibration error over ten bins of equal width."""
    slope: float
    """Of a logistic recalibration; below 1 the scores are too extreme."""
    intercept: float


def temperature(positive: Labels, logits: Scores) -> float:
    """The divisor of the logits with the least negative log likelihood (Guo et al. 2017), 0.05 to 20."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - positive * scaled))

    limit = np.log(20.0)
    return float(np.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded").x))


def judge(positive: Labels, logits: Scores) -> Reliability:
    """Figures of calibration of the probabilities ``expit(logits)``."""
    probabilities = expit(logits)
    slope, intercept = _recalibration(positive, logits)
    return Reliability(
        brier=float(np.mean((probabilities - positive) ** 2)),
        expected_error=_expected_error(positive, probabilities),
        slope=slope,
        intercept=intercept,
    )


def _expected_error(positive: Labels, probabilities: Scores) -> float:
    bins = np.minimum((probabilities * _BINS).astype(int), _BINS - 1)
    counts = np.bincount(bins, minlength=_BINS)
    gaps = np.abs(np.bincount(bins, probabilities - positive, minlength=_BINS))
    return float(gaps[counts > 0].sum() / len(positive))


def _recalibration(positive: Labels, logits: Scores) -> tuple[float, float]:
    """Slope and intercept of a logistic regression on the logits."""
    spread = float(logits.std()) or 1.0  # logits of any size are brought to that of the intercept

    def loss(weights: Scores) -> tuple[float, Scores]:
        line = weights[0] * logits / spread + weights[1]
        misses = expit(line) - positive
        value = float(np.mean(np.logaddexp(0, line) - positive * line))
        return value, np.array([np.mean(misses * logits / spread), np.mean(misses)])

    slope, intercept = minimize(loss, np.zeros(2), jac=True, method="BFGS", options={"gtol": 1e-8}).x
    return float(slope) / spread, float(intercept)
