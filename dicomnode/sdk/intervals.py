"""Intervals of a proportion: two-sided 95 % unless said otherwise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

Z95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """A share with its interval, each 0 to 1."""

    share: float
    low: float
    high: float


def wald(hits: int, cases: int, z: float = Z95) -> Proportion:
    """Normal approximation; used by the model rows of DARNDEST's Table 1. Not cut at 0 and 1.

    Raises
    ------
    ValueError
        Unless 0 <= hits <= cases and cases > 0; so for the other intervals.
    """
    share = _share(hits, cases)
    half = z * math.sqrt(share * (1 - share) / cases)
    return Proportion(share=share, low=share - half, high=share + half)


def wilson(hits: int, cases: int, z: float = Z95) -> Proportion:
    """Score interval without continuity correction (Wilson 1927; Newcombe 1998, method 3)."""
    share = _share(hits, cases)
    square = z * z
    middle = share + square / (2 * cases)
    half = z * math.sqrt(share * (1 - share) / cases + square / (4 * cases * cases))
    scale = 1 + square / cases
    return Proportion(share=share, low=max(0.0, (middle - half) / scale), high=min(1.0, (middle + half) / scale))


def wilson_continuity(hits: int, cases: int, z: float = Z95) -> Proportion:
    """Score interval with continuity correction (Newcombe 1998, method 4).

    Used by DARNDEST for its doctors, for the layered rows of Table 2 and for the ranges of Fig. 4.
    """
    share = _share(hits, cases)
    square, n = z * z, cases
    scale = 2 * (n + square)
    low = high = share
    if hits:
        below = z * math.sqrt(square - 2 - 1 / n + 4 * share * (n * (1 - share) + 1))
        low = (2 * n * share + square - 1 - below) / scale
    if hits < cases:
        above = z * math.sqrt(square + 2 - 1 / n + 4 * share * (n * (1 - share) - 1))
        high = (2 * n * share + square + 1 + above) / scale
    return Proportion(share=share, low=max(0.0, low), high=min(1.0, high))


def _share(hits: int, cases: int) -> float:
    if not 0 <= hits <= cases or cases == 0:
        raise ValueError(f"{hits} of {cases} is no proportion")
    return hits / cases
