"""Table 2 and Fig. 4 of DARNDEST, to the printed digit; where the paper contradicts itself, both figures stand here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.economics import (
    EXTERNAL as EXTERNAL_GROUPS,
)
from dicomnode.economics import (
    INTERNAL as INTERNAL_GROUPS,
)
from dicomnode.economics import (
    Groups,
    Prices,
    burden,
    cost_per_finding,
    enhanced_share,
    prevalence,
    standardised,
)

# Exams enhanced, of how many: positive and suspicious groups together.
INTERNAL, EXTERNAL = (200 + 74, 433), (97 + 18, 202)


@pytest.mark.parametrize(
    ("enhanced", "exams", "cny", "dollars", "hours"),
    [
        (0, 433, 2_246_000, 313_250, 129.2),
        (*INTERNAL, 2_371_293, 330_724, 190.7),
        (*EXTERNAL, 2_358_723, 328_971, 184.5),
        (433, 433, 2_444_000, 340_865, 226.4),
    ],
    ids=["T1_T2", "DARNDEST internal", "DARNDEST external", "conventional"],
)
def test_table_2(enhanced: int, exams: int, cny: int, dollars: int, hours: float) -> None:
    found = burden(enhanced / exams)
    assert (round(found.cost), round(found.dollars), round(found.hours, 1)) == (cny, dollars, hours)


@pytest.mark.parametrize(
    ("found", "cost", "low", "high"),
    [(166, 6_381, 5_671, 7_231), (27, 87_286, 49_878, 162_933)],
    ids=["positive group", "suspicious group"],
)
def test_figure_4(found: int, cost: int, low: int, high: int) -> None:
    # The suspicious group's figures are those of 12 recurrences found by the T1WIC model: 28 per 1000.
    group = cost_per_finding({166: 166, 27: 12}[found], 433)
    assert (round(group.cost), round(group.low), round(group.high)) == (cost, low, high)


def test_the_negative_group_of_figure_4_prints_a_tenth_of_its_upper_limit() -> None:
    group = cost_per_finding(2, 433)
    assert round(group.cost) == 488_800
    assert round(group.high) == 2_444_000  # printed: 244,000


def test_two_ratios_of_the_text_do_not_follow_from_its_own_figures() -> None:
    ratio = burden(EXTERNAL[0] / EXTERNAL[1]).cost / burden(0).cost
    assert round(100 * ratio, 2) == 105.02  # printed: 100.53 %
    saving = cost_per_finding(12, 433).cost / cost_per_finding(166, 433).cost
    assert round(saving, 2) == 13.68  # printed: 13.4


@pytest.mark.parametrize(
    ("groups", "exams", "recurrences"), [(INTERNAL_GROUPS, 433, 197), (EXTERNAL_GROUPS, 202, 93)], ids=["int", "ext"]
)
def test_at_its_own_prevalence_a_cohort_stays_as_it_is(groups: Groups, exams: int, recurrences: int) -> None:
    assert prevalence(groups) == pytest.approx(recurrences / exams)
    for name, group in standardised(groups, recurrences / exams).items():
        assert (group.exams, group.recurrences, group.found) == pytest.approx(
            (groups[name].exams, groups[name].recurrences, groups[name].found)
        )


@given(st.floats(0, 1))
def test_at_any_prevalence_nobody_is_lost(wanted: float) -> None:
    moved = standardised(INTERNAL_GROUPS, wanted)
    assert sum(group.exams for group in moved.values()) == pytest.approx(433)
    assert prevalence(moved) == pytest.approx(wanted)
    # 193 of 197 recurrences and 81 of 236 others get contrast in the paper.
    assert enhanced_share(moved) == pytest.approx(wanted * 193 / 197 + (1 - wanted) * 81 / 236)


def test_prices_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="enhanced must be more than 0, got -1"):
        Prices(enhanced=-1)
    with pytest.raises(ValueError, match="cannot cost less"):
        Prices(enhanced=2000)
    with pytest.raises(ValueError, match="a prevalence lies between 0 and 1, not at 40"):
        standardised(INTERNAL_GROUPS, 40)


def test_what_has_no_price_is_refused() -> None:
    with pytest.raises(ValueError, match="has no price"):
        cost_per_finding(0, 433)
    with pytest.raises(ValueError, match="between 0 and 1"):
        burden(1.2)
