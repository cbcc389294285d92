"""The three tiers of DARNDEST and the decision in each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from dicomnode_plugins._learning.cutoffs import Cutoffs

BORDERLINE = 0.01
"""Closer to a cut-off than this, a score is computed again in full precision before it decides."""

PRESETS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"darndest-internal": (0.490, 0.197), "darndest-external": (0.460, 0.282)}
)
"""First and second cut-off of the paper, for T1WIC without and with fat saturation; they belong to its models."""


class Tier(Enum):
    """What the unenhanced images say, and what follows."""

    POSITIVE = "positive"
    """Recurrence likely: contrast is given."""
    SUSPICIOUS = "suspicious"
    """Undecided: contrast is given, and the T1WIC model decides."""
    NEGATIVE = "negative"
    """Recurrence unlikely: contrast may be omitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """The decision for one exam."""

    probability: float
    """p(T1_T2), 0 to 1."""
    tier: Tier
    recurrence: bool | None
    """The layered call; None while a suspicious exam lacks its T1WIC."""
    borderline: bool
    """The score lies within 0.01 of a cut-off."""


def combined(t1: float, t2: float) -> float:
    """p(T1_T2) = 0.5 p(T1WI) + 0.5 p(T2WI) (DARNDEST, Methods)."""
    return 0.5 * t1 + 0.5 * t2


def tier_of(probability: float, cutoffs: Cutoffs) -> Tier:
    """The tier of a score; a score equal to a cut-off belongs to the tier above it.

    Raises
    ------
    ValueError
        When the score is no probability: nothing may become negative by not being a number.
    """
    if not 0.0 <= probability <= 1.0 or math.isnan(probability):
        raise ValueError(f"a probability lies between 0 and 1, not at {probability}")
    if probability >= cutoffs.first:
        return Tier.POSITIVE
    return Tier.SUSPICIOUS if probability >= cutoffs.second else Tier.NEGATIVE


def triage(probability: float, enhanced: float | None, cutoffs: Cutoffs) -> Triage:
    """The decision from p(T1_T2) and, where T1WIC was acquired, its model's score."""
    tier = tier_of(probability, cutoffs)
    recurrence: bool | None = tier is Tier.POSITIVE
    if tier is Tier.SUSPICIOUS:
        recurrence = None if enhanced is None else enhanced >= cutoffs.second_reader
    near = min(abs(probability - cutoffs.first), abs(probability - cutoffs.second)) < BORDERLINE
    return Triage(probability=probability, tier=tier, recurrence=recurrence, borderline=near)
