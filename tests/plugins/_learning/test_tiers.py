from __future__ import annotations

import math

import pytest

from dicomnode_plugins._learning.cutoffs import Cutoffs
from dicomnode_plugins._learning.tiers import PRESETS, Tier, combined, tier_of, triage

INTERNAL = Cutoffs(first=0.490, second=0.197, second_reader=0.5)


def test_the_papers_cut_offs() -> None:
    assert PRESETS == {"darndest-internal": (0.490, 0.197), "darndest-external": (0.460, 0.282)}


def test_the_score_of_both_sequences_is_their_mean() -> None:
    assert combined(0.2, 0.7) == pytest.approx(0.45)


@pytest.mark.parametrize(
    ("probability", "tier"),
    [
        (1.0, Tier.POSITIVE),
        (0.490, Tier.POSITIVE),
        (math.nextafter(0.490, 0), Tier.SUSPICIOUS),
        (0.197, Tier.SUSPICIOUS),
        (math.nextafter(0.197, 0), Tier.NEGATIVE),
        (0.0, Tier.NEGATIVE),
    ],
)
def test_a_score_equal_to_a_cut_off_belongs_above_it(probability: float, tier: Tier) -> None:
    assert tier_of(probability, INTERNAL) is tier


@pytest.mark.parametrize("probability", [math.nan, -0.01, 1.01, math.inf])
def test_what_is_no_probability_gets_no_tier(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        tier_of(probability, INTERNAL)


@pytest.mark.parametrize(
    ("probability", "enhanced", "recurrence"),
    [(0.6, None, True), (0.6, 0.1, True), (0.3, None, None), (0.3, 0.5, True), (0.3, 0.49, False), (0.1, 0.9, False)],
)
def test_the_enhanced_images_decide_in_the_suspicious_tier_only(
    probability: float, enhanced: float | None, recurrence: bool | None
) -> None:
    assert triage(probability, enhanced, INTERNAL).recurrence is recurrence


@pytest.mark.parametrize(("probability", "near"), [(0.4805, True), (0.4795, False), (0.2065, True), (0.2075, False)])
def test_a_score_beside_a_cut_off_is_borderline(probability: float, near: bool) -> None:
    assert triage(probability, None, INTERNAL).borderline is near
