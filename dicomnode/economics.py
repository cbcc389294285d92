"""Cost and scanner time of giving contrast to some exams only: the model of DARNDEST (Table 2, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dicomnode.sdk.intervals import wilson_continuity


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

    def __post_init__(self) -> None:
        for name in ("unenhanced", "enhanced", "unenhanced_seconds", "enhanced_seconds", "per_dollar"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be more than 0, got {getattr(self, name):g}")
        if self.enhanced < self.unenhanced or self.enhanced_seconds < self.unenhanced_seconds:
            raise ValueError("an enhanced exam cannot cost less, or take less time, than an unenhanced one")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The exams of one tier: how many, how many recurrences among them, how many of these the images showed."""

    exams: float
    recurrences: float
    found: float


Groups = Mapping[str, Group]
"""Positive, suspicious and negative, in this order."""

INTERNAL: Groups = MappingProxyType(
    {
        "positive": Group(exams=200, recurrences=166, found=166),
        "suspicious": Group(exams=74, recurrences=27, found=12),
        "negative": Group(exams=159, recurrences=4, found=2),
    }
)
EXTERNAL: Groups = MappingProxyType(
    {
        "positive": Group(exams=97, recurrences=79, found=79),
        "suspicious": Group(exams=18, recurrences=7, found=5),
        "negative": Group(exams=87, recurrences=7, found=1),
    }
)


def prevalence(groups: Groups) -> float:
    """Share of recurrences in all exams."""
    return sum(group.recurrences for group in groups.values()) / sum(group.exams for group in groups.values())


def enhanced_share(groups: Groups) -> float:
    """Share of exams that get contrast: the positive and the suspicious ones."""
    exams = sum(group.exams for group in groups.values())
    return (groups["positive"].exams + groups["suspicious"].exams) / exams


def standardised(groups: Groups, wanted: float) -> dict[str, Group]:
    """The groups expected at another prevalence, of as many exams, when both classes fall into the tiers as before.

    Raises
    ------
    ValueError
        Unless the prevalence lies between 0 and 1.
    """
    if not 0.0 <= wanted <= 1.0:
        raise ValueError(f"a prevalence lies between 0 and 1, not at {wanted:g}")
    known = prevalence(groups)
    more, fewer = wanted / known, (1 - wanted) / (1 - known)
    return {
        name: Group(
            exams=group.recurrences * more + (group.exams - group.recurrences) * fewer,
            recurrences=group.recurrences * more,
            found=group.found * more,
        )
        for name, group in groups.items()
    }


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

    The paper divides by whole patients per 1000, the rounded yield, and so does this; less than one counts as one.

    Raises
    ------
    ValueError
        When nothing was found: then one finding has no price.
    """
    if found == 0:
        raise ValueError("nothing was found in this group: one finding has no price")
    total = per * prices.enhanced
    yielded = wilson_continuity(found, exams)
    cost, low, high = (total / max(1, round(per * share)) for share in (found / exams, yielded.high, yielded.low))
    return CostPerFinding(cost=cost, low=low, high=high)
