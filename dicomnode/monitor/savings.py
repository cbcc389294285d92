"""What advice on contrast has come to, month by month: what was advised, followed, saved, and how right it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicomnode.domain.advice import Advice, AdviceKind, Hindsight, hindsight
from dicomnode.economics import Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A stated advice, and whether images with contrast came all the same."""

    advice: Advice
    enhanced: bool
    positive: bool | None = None
    """What the patient had by the imported outcomes; None while nobody has said."""

    @property
    def hindsight(self) -> Hindsight | None:
        """How right the advice was."""
        return hindsight(self.advice.kind, self.positive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The advice of one month; only what was advised, acknowledged and followed counts as saved."""

    month: str
    """``2026-11``, by UTC."""
    exams: int
    advised: dict[str, int]
    """Exams by advice."""
    by_deadline: int
    """Exams that got the protocol as ordered because nothing came in time."""
    omitted: int
    """Contrast was advised to be omitted, that was acknowledged, and no images with contrast came."""
    against: int
    """Contrast was advised to be omitted and images with contrast came."""
    minutes: float
    """Of scanner time, saved."""
    cost: float
    """In the currency of the prices, saved."""
    millilitres: float
    """Of contrast agent, not given."""
    hindsight: dict[str, int]
    """Exams with a known outcome by how right their advice was."""


def months(found: Sequence[Followed], prices: Prices, millilitres: float) -> tuple[Month, ...]:
    """Every month with an advice, in their order.

    Parameters
    ----------
    millilitres : float
        Of contrast agent in an enhanced exam of this site.
    """
    by_month: dict[str, list[Followed]] = {}
    for one in found:
        if one.advice.stated is not None:
            by_month.setdefault(f"{one.advice.stated:%Y-%m}", []).append(one)
    return tuple(_month(month, by_month[month], prices, millilitres) for month in sorted(by_month))


def _month(month: str, found: Sequence[Followed], prices: Prices, millilitres: float) -> Month:
    kinds, seen = [one.advice.kind for one in found], [one.hindsight for one in found]
    spared = [one for one in found if one.advice.kind is AdviceKind.MAY_BE_OMITTED]
    omitted = sum(not one.enhanced and one.advice.acknowledged is not None for one in spared)
    seconds = prices.enhanced_seconds - prices.unenhanced_seconds
    return Month(
        month=month,
        exams=len(found),
        advised={kind.value: kinds.count(kind) for kind in AdviceKind if kind in kinds},
        by_deadline=sum(one.advice.origin == "deadline" for one in found),
        omitted=omitted,
        against=sum(one.enhanced for one in spared),
        minutes=omitted * seconds / 60,
        cost=omitted * (prices.enhanced - prices.unenhanced),
        millilitres=omitted * millilitres,
        hindsight={known.value: seen.count(known) for known in Hindsight if known in seen},
    )
