from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode_plugins._learning.discrimination import area, area_difference, curve, mcnemar


def two_classes(seed: int, apart: float, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    positive = np.arange(n) < n // 2
    return positive, random.normal(size=n) + apart * positive


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_the_area_is_the_share_of_pairs_in_the_right_order(ill: list[int], well: list[int]) -> None:
    positive = np.array([True] * len(ill) + [False] * len(well))
    scores = np.array([*ill, *well], float)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in ill for b in well]
    assert area(positive, scores).value == pytest.approx(np.mean(pairs))


def test_the_interval_of_an_area_covers_the_truth_about_95_times_in_100() -> None:
    truth = 0.7602499389065233  # normal scores one standard deviation apart: Phi(1 / sqrt 2)
    found = [area(*two_classes(seed, 1.0)) for seed in range(300)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    assert 0.91 <= covered <= 0.99


def test_equal_readers_do_not_differ_and_a_better_one_does() -> None:
    positive, scores = two_classes(1, 1.0)
    same = area_difference(positive, scores, scores)
    assert (same.value, same.low, same.high, same.p) == (0.0, 0.0, 0.0, 1.0)
    better = area_difference(positive, scores + positive, scores)
    assert better.low > 0
    assert better.p < 0.001


def test_a_curve_counts_what_reaches_the_cut() -> None:
    found = curve(np.array([True, True, False, False]), np.array([0.9, 0.4, 0.4, 0.1]))
    assert found.cuts.tolist() == [0.1, 0.4, 0.9]
    assert found.sensitivity.tolist() == [1.0, 1.0, 0.5]
    assert found.specificity.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 6, 0.03125), (40, 20, 0.01417)],  # the last: (|40 - 20| - 1)^2 / 60 = 6.0167
)
def test_mcnemar_counts_only_what_the_readers_see_differently(first_only: int, second_only: int, p: float) -> None:
    first = np.array([True] * first_only + [False] * second_only + [True] * 30)
    second = np.array([False] * first_only + [True] * second_only + [True] * 30)
    assert mcnemar(first, second) == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize("scores", [[0.1, float("nan")], [0.1, 0.2, 0.3]])
def test_a_score_that_is_none_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="one finite score"):
        area(np.array([True, False]), np.array(scores))


def test_one_class_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        area(np.array([True, True]), np.array([0.1, 0.2]))
