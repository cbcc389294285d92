from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode_plugins._learning.benefit import acting_on_all, decision_curve, net_benefit


def test_a_worked_example() -> None:
    # 100 cases, 20 with the disease; 16 of them and 10 others are called: at 20 % a false alarm weighs a quarter.
    positive = np.arange(100) < 20
    called = (np.arange(100) < 16) | (np.arange(100) >= 90)
    assert net_benefit(positive, called, 0.2) == pytest.approx(16 / 100 - 10 / 100 * 0.25)
    assert acting_on_all(positive, np.array([0.0, 0.2])) == pytest.approx([0.2, 0.2 - 0.8 * 0.25])


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=50), st.floats(0, 0.99))
def test_acting_on_a_score_is_never_worth_more_than_knowing(cases: list[tuple[bool, float]], at: float) -> None:
    positive = np.array([case for case, _ in cases])
    scores = np.array([score for _, score in cases])
    (worth,) = decision_curve(positive, scores, np.array([at]))
    assert worth <= net_benefit(positive, positive, at) + 1e-12


def test_what_is_no_threshold_is_refused() -> None:
    with pytest.raises(ValueError, match="lies between 0 and 1, not at 1"):
        net_benefit(np.array([True]), np.array([True]), 1.0)
    with pytest.raises(ValueError, match="there is no case"):
        net_benefit(np.array([], bool), np.array([], bool), 0.5)
