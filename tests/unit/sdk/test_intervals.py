"""The intervals of DARNDEST's tables, to the printed digit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.sdk.intervals import Proportion, wald, wilson, wilson_continuity

# Cohort, reader, TP FN FP TN, method, then sensitivity, specificity, accuracy, and where printed PPV and NPV, each as
# point, low, high in percent. A star marks a printed point that contradicts its own counts and interval.
PRINTED = """
I T1WIC 166 31 35 201 wald 84.26,79.18,89.35 85.17,80.64,89.70 84.76,81.37,88.14 82.59,77.34,87.83 86.64,82.26,91.02
I T1WI 168 29 40 196 wald 85.28,80.33,90.23 82.57*,78.26,87.84 84.06,80.62,87.51 80.77,75.41,86.13 87.11,82.73,91.49
I T2WI 164 33 40 196 wald 83.25,78.03,88.46 85.32*,78.26,87.84 83.14,79.61,86.67 80.39,74.94,85.84 85.59,81.04,90.14
I T1_T2 166 31 34 202 wald 84.26,79.18,89.35 85.59,81.11,90.07 84.99,81.62,88.35 83.00,77.79,88.21 86.70,82.33,91.06
I Senior 154 43 13 223 wilson 78.17,71.62,83.60 94.49,90.55,96.91 87.07,83.45,90.01 92.22,86.78,95.62 83.83,78.73,87.94
I Junior 166 31 41 195 wilson 84.26,78.25,88.90 82.63,77.05,87.11 83.37,79.45,86.69 80.19,73.97,85.26 86.28,80.94,90.35
E T1WIC 78 15 19 90 wald 83.87,76.40,91.35 82.57,75.45,89.69 83.17,78.01,88.33 80.41,72.51,88.31 85.71,79.02,92.41
E T1WI 75 18 19 90 wald 80.65,72.62,88.67 82.57,75.45,89.69 81.68,76.35,87.02 79.79,71.67,87.91 83.33,76.30,90.36
E T2WI 76 17 16 93 wald 81.72,73.87,89.58 85.32,78.68,91.96 83.66,78.57,88.76 82.61,74.86,90.35 84.55,77.79,91.30
E T1_T2 79 14 18 91 wald 84.95,77.68,92.21 83.49,76.52,90.46 84.16,79.12,89.19 81.44,73.71,89.18 86.67,80.16,93.17
E Senior 77 16 3 106 wilson 82.80,73.26,89.55 97.25,91.57,99.29 90.59,85.49,94.09 96.25,88.68,99.03 86.89,79.28,92.09
E Junior 72 21 4 105 wilson 77.42,67.35,85.18 96.33,90.32,98.82 87.62,82.09,91.68 94.74,86.36,98.30 83.33,75.42,89.16
I DARNDEST 178 19 42 194 wilson 90.36,85.13,93.94 82.20,76.59,86.74 85.91,82.19,88.98
E DARNDEST 84 9 19 90 wilson 90.32,81.97,95.20 82.57,73.86,88.92 86.14,80.42,90.44
"""
METHODS = {"wald": wald, "wilson": wilson_continuity}
ERRATA = {("I", "T1WI", "specificity"): 83.05, ("I", "T2WI", "specificity"): 83.05}
"""What the counts give where the paper prints another point: 196 of 236 both times."""


def rows() -> list[tuple[tuple[str, str, str], Proportion, str]]:
    found = []
    for line in PRINTED.strip().splitlines():
        cohort, reader, *rest = line.split()
        tp, fn, fp, tn = map(int, rest[:4])
        counts = {
            "sensitivity": (tp, tp + fn),
            "specificity": (tn, tn + fp),
            "accuracy": (tp + tn, tp + fn + fp + tn),
            "PPV": (tp, tp + fp),
            "NPV": (tn, tn + fn),
        }
        for (name, (hits, cases)), printed in zip(counts.items(), rest[5:], strict=False):
            found.append(((cohort, reader, name), METHODS[rest[4]](hits, cases), printed))
    return found


def test_there_are_66_printed_intervals() -> None:
    assert len(rows()) == 66


@pytest.mark.parametrize(
    ("row", "computed", "printed"), rows(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_a_printed_interval_is_reproduced(row: tuple[str, str, str], computed: Proportion, printed: str) -> None:
    point, low, high = (float(text) for text in printed.replace("*", "").split(","))
    expected = ERRATA.get(row, point)
    assert ("*" in printed) == (row in ERRATA)
    assert 100 * computed.share == pytest.approx(expected, abs=0.0051)
    assert (100 * computed.low, 100 * computed.high) == pytest.approx((low, high), abs=0.0061)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_score_intervals_hold_the_share_and_stay_within_bounds(counts: tuple[int, int]) -> None:
    hits, cases = counts
    plain, corrected = wilson(hits, cases), wilson_continuity(hits, cases)
    assert 0 <= corrected.low <= plain.low + 1e-12
    assert plain.low - 1e-12 <= hits / cases <= plain.high + 1e-12
    assert plain.high - 1e-12 <= corrected.high <= 1


def test_the_lower_bound_of_newcombes_example() -> None:
    # Newcombe 1998, Table I: 81 of 263.
    assert (wilson(81, 263).low, wilson(81, 263).high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (wilson_continuity(81, 263).low, wilson_continuity(81, 263).high) == pytest.approx(
        (0.2535, 0.3682), abs=5e-5
    )


@pytest.mark.parametrize("method", [wald, wilson, wilson_continuity])
@pytest.mark.parametrize(("hits", "cases"), [(1, 0), (-1, 5), (6, 5)])
def test_what_is_no_proportion_is_refused(method: object, hits: int, cases: int) -> None:
    with pytest.raises(ValueError, match="is no proportion"):
        method(hits, cases)  # type: ignore[operator]
