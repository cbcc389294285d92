"""Cost and scanner time of giving contrast to some exams only: the model of DARNDEST (Table 2, Fig. 4)."""

from __future__ import annotations

from dataclasses import dataclass

from dicomnode_plugins._learning.intervals import wilson_continuity


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One examination at one site; the defaults are the paper's."""

    unenhanced: float = 2246.0
    """In the site's currency (CNY)."""
    enhanced: float = 2444.0
    unenhanced_seconds: float = 465.0
    """Scanner time; 7 min 45 s."""
    enhanced_seconds: float = 815.0
    """13 min 35 s."""
    per_dollar: float = 7.17
    """Units of the site's currency in one US dollar."""


PAPER = Prices()


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """What a number of exams costs."""

    cost: float
    dollars: float
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CostPerFinding:
    """Cost of one recurrence found by enhancing a group of exams, with the range of its interval (Fig. 4)."""

    cost: float
    low: float
    high: float


def burden(enhanced_share: float, prices: Prices = PAPER, exams: int = 1000) -> Burden:
    """Cost and time of ``exams`` of which a share gets contrast.

    Raises
    ------
    ValueError
        When the share is none.
    """
    if not 0.0 <= enhanced_share <= 1.0:
        raise ValueError(f"a share lies between 0 and 1, not at {enhanced_share}")
    cost = exams * (prices.unenhanced + (prices.enhanced - prices.unenhanced) * enhanced_share)
    added = prices.enhanced_seconds - prices.unenhanced_seconds
    seconds = exams * (prices.unenhanced_seconds + added * enhanced_share)
    return Burden(cost=cost, dollars=cost / prices.per_dollar, hours=seconds / 3600)


def cost_per_finding(found: int, exams: int, prices: Prices = PAPER, per: int = 1000) -> CostPerFinding:
    """What enhancing every one of ``per`` exams costs for each recurrence found in one group.

    The paper divides by whole patients per 1000, the rounded yield, and so does this.

    Raises
    ------
    ValueError
        When nothing was found: then one finding has no price.
    """
    if found == 0:
        raise ValueError("nothing was found in this group: one finding has no price")
    total = per * prices.enhanced
    yielded = wilson_continuity(found, exams)
    return CostPerFinding(
        cost=total / round(per * found / exams),
        low=total / round(per * yielded.high),
        high=total / max(1, round(per * yielded.low)),
    )
