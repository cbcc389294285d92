from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk.intervals import wilson
from dicomnode_plugins._learning.cutoffs import CalibrationRefused, Cutoffs, freeze, layered, youden


def cases(seed: int, n: int = 800) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    positive = random.random(n) < 0.47
    first, second = (1 / (1 + np.exp(-(random.normal(size=n) + 2.0 * positive - 1.0))) for _ in range(2))
    return positive, first, second


def test_of_equally_good_cuts_the_more_sensitive_is_taken() -> None:
    assert youden(np.array([False, True, False, True]), np.array([0.1, 0.3, 0.5, 0.7])) == 0.3


def test_the_layers_call_what_is_above_the_first_cut_or_confirmed_between_the_two() -> None:
    cutoffs = Cutoffs(first=0.5, second=0.2, second_reader=0.6)
    scores = np.array([0.5, 0.49, 0.49, 0.2, 0.19])
    second = np.array([0.0, 0.6, 0.59, 0.9, 0.9])
    assert layered(scores, second, cutoffs).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize("seed", range(5))
def test_the_second_cut_is_the_highest_whose_lower_bound_holds(seed: int) -> None:
    positive, scores, second = cases(seed)
    cutoffs = freeze(positive, scores, second)
    assert cutoffs.first == youden(positive, scores)

    def bound(cut: float) -> float:
        tried = Cutoffs(first=cutoffs.first, second=cut, second_reader=cutoffs.second_reader)
        return wilson(
            int((layered(scores, second, tried) & positive).sum()), int(positive.sum()), 1.6448536269514722
        ).low

    higher = np.unique(scores[(scores > cutoffs.second) & (scores < cutoffs.first)])
    assert bound(cutoffs.second) >= 0.90
    assert max(map(bound, higher)) < 0.90


def test_the_point_rule_spares_more_contrast_and_promises_less() -> None:
    positive, scores, second = cases(1)
    honest, paper = freeze(positive, scores, second), freeze(positive, scores, second, rule="point")
    assert paper.second > honest.second
    sensitivity = layered(scores, second, paper)[positive].mean()
    assert sensitivity == pytest.approx(0.90, abs=0.005)


def test_too_few_cases_are_refused_with_their_number() -> None:
    with pytest.raises(CalibrationRefused, match="needs 400 cases, there are 300"):
        freeze(*cases(1, 300))


def test_a_sensitivity_out_of_reach_is_refused() -> None:
    positive, scores, second = cases(1)
    with pytest.raises(CalibrationRefused, match=r"no second cut-off reaches a sensitivity of 0\.999"):
        freeze(positive, scores, second, sensitivity=0.999)


def test_one_class_below_the_first_cut_is_refused() -> None:
    positive = np.arange(400) < 200
    with pytest.raises(CalibrationRefused, match="one class only"):
        freeze(positive, positive.astype(float), positive.astype(float))


def test_without_a_second_reader_the_second_cut_holds_the_sensitivity_by_itself() -> None:
    positive, scores, _ = cases(2)
    cutoffs = freeze(positive, scores, None)
    assert (cutoffs.first, cutoffs.second_reader) == (youden(positive, scores), 1.0)

    def bound(cut: float) -> float:
        return wilson(int((scores[positive] >= cut).sum()), int(positive.sum()), 1.6448536269514722).low

    assert bound(cutoffs.second) >= 0.90
    assert bound(scores[scores > cutoffs.second].min()) < 0.90
