from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from dicomnode_plugins._learning.reliability import judge, temperature


def outcomes(seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits that mean what they say, and outcomes drawn from them."""
    random = np.random.default_rng(seed)
    logits = random.normal(scale=2.0, size=n)
    return random.random(n) < expit(logits), logits


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_factor_on_the_logits(factor: float) -> None:
    positive, logits = outcomes(1)
    assert temperature(positive, logits * factor) == pytest.approx(factor, rel=0.04)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_slope_is_the_inverse_of_a_factor_and_the_intercept_of_a_shift(factor: float) -> None:
    positive, logits = outcomes(2)
    found = judge(positive, (logits - 0.7) * factor)
    assert found.slope == pytest.approx(1 / factor, rel=0.05)
    assert found.intercept == pytest.approx(0.7, abs=0.06)


def test_honest_scores_have_a_small_error_and_bold_ones_a_large_one() -> None:
    positive, logits = outcomes(3)
    honest, bold = judge(positive, logits), judge(positive, logits * 3)
    assert honest.expected_error < 0.012
    assert bold.expected_error > 0.08
    assert honest.brier < bold.brier


def test_error_and_brier_of_a_case_done_by_hand() -> None:
    positive = np.array([True, False, True, True])
    logits = np.log(np.array([0.8, 0.8, 0.35, 0.35]) / np.array([0.2, 0.2, 0.65, 0.65]))
    found = judge(positive, logits)
    assert found.expected_error == pytest.approx((abs(1.6 - 1) + abs(0.7 - 2)) / 4)
    assert found.brier == pytest.approx((0.04 + 0.64 + 2 * 0.4225) / 4)
