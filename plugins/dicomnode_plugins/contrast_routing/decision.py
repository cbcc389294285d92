"""From score, gates and facts to one advice on contrast, in an order that no score can overrule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dicomnode.sdk import FactValue
from dicomnode_plugins._learning.cutoffs import Cutoffs
from dicomnode_plugins._learning.tiers import Tier, tier_of

NEAR = 0.02
"""A score that close to a cut-off counts as suspicious."""
WIDEST_SPREAD = 0.15
"""Scores of the ensemble that differ by more count as suspicious."""
LOWEST_EGFR = 30.0
"""mL/min/1.73 m2; below it a radiologist decides about any gadolinium."""
_SUSPECT = {
    Tier.POSITIVE: "the unenhanced images make recurrence likely",
    Tier.SUSPICIOUS: "the unenhanced images leave it open",
}


class Advice(Enum):
    """What is advised; a person acts."""

    STANDARD_PROTOCOL = "give the protocol as ordered"
    RADIOLOGIST = "no contrast without the radiologist"
    RECOMMENDED = "contrast recommended"
    MAY_BE_OMITTED = "contrast may be omitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the models say of the unenhanced images."""

    probability: float
    """p(T1_T2), 0 to 1."""
    spread: float
    """Largest less smallest score of the ensemble, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One advice and why."""

    advice: Advice
    reason: str
    """One sentence, for the console."""
    tier: Tier | None = None
    """Of the score alone; None when no score was believed."""
    cautions: tuple[str, ...] = ()
    """What else the person who acts must know; never a reason to give less care."""


def decide(
    score: Score | None,
    cutoffs: Cutoffs | None,
    failed: Sequence[str],
    facts: Mapping[str, FactValue],
    agent_group: str = "unknown",
) -> Decision:
    """The advice on one exam: hard stops, safety, tier, borderline, the order's demand.

    Parameters
    ----------
    score, cutoffs
        None when no score could be computed: then something has failed.
    failed : sequence of str
        Why a gate of quality, envelope or model failed; any one ends in the protocol as ordered.
    facts : Mapping
        Facts of the patient (``dicomnode.sdk.facts``); what is absent is unknown, not normal.
    agent_group : str
        Group of the site's agent (ACR Manual on Contrast Media): ``I``, ``II``, ``III`` or ``unknown``, which is
        treated like I and III.
    """
    dangers = unsafe(facts, agent_group)
    stops = [*failed, *_unbelievable(score, cutoffs)]
    if stops or score is None or cutoffs is None:
        return Decision(advice=Advice.STANDARD_PROTOCOL, reason=stops[0], cautions=(*dangers, *unknown(facts)))
    tier = tier_of(score.probability, cutoffs)
    if dangers:
        return Decision(advice=Advice.RADIOLOGIST, reason=dangers[0], tier=tier, cautions=dangers[1:])
    cautions = unknown(facts)
    if why := _SUSPECT.get(tier) or _doubt(score, cutoffs):
        return Decision(advice=Advice.RECOMMENDED, reason=why, tier=tier, cautions=cautions)
    demanded = facts.get("contrast-demanded", "unknown")
    if demanded != "no":
        why = "the order demands contrast" if demanded == "yes" else "whether the order demands contrast is not known"
        return Decision(advice=Advice.STANDARD_PROTOCOL, reason=why, tier=tier, cautions=cautions)
    why = "the unenhanced images speak against recurrence"
    return Decision(advice=Advice.MAY_BE_OMITTED, reason=why, tier=tier, cautions=cautions)


def unsafe(facts: Mapping[str, FactValue], agent_group: str) -> tuple[str, ...]:
    """What forbids gadolinium until a radiologist has decided, gravest first."""
    lines: list[str] = []
    reaction = facts.get("contrast-reaction")
    if reaction == "severe":
        lines.append("a severe reaction to a gadolinium contrast agent is documented")
    elif reaction == "unspecified":
        lines.append("a reaction to contrast agent is documented, its severity is not")
    kidneys = [
        *(["acute kidney injury"] if facts.get("acute-kidney-injury") == "yes" else []),
        *(["dialysis"] if facts.get("dialysis") == "yes" else []),
    ]
    egfr = facts.get("egfr")
    if isinstance(egfr, (int, float)) and egfr < LOWEST_EGFR:
        kidneys.append(f"eGFR {egfr:.3g} below {LOWEST_EGFR:g}")
    if kidneys:
        group = "a group II agent may be approved" if agent_group == "II" else f"agent of group {agent_group}"
        lines.append(f"{' and '.join(kidneys)}; {group}")
    if facts.get("pregnancy") in ("yes", "possible"):
        lines.append("pregnant" if facts["pregnancy"] == "yes" else "possibly pregnant")
    return tuple(lines)


def unknown(facts: Mapping[str, FactValue]) -> tuple[str, ...]:
    """What is not known of the patient's safety: said, and never taken for normal."""
    names = {"contrast-reaction": "reactions to contrast agent", "egfr": "eGFR", "pregnancy": "pregnancy"}
    missing = [words for name, words in names.items() if facts.get(name, "unknown") == "unknown"]
    return (f"not known: {', '.join(missing)}",) if missing else ()


def _unbelievable(score: Score | None, cutoffs: Cutoffs | None) -> list[str]:
    if score is None or cutoffs is None:
        return ["there is no score"]
    if not 0.0 <= score.probability <= 1.0 or not 0.0 <= score.spread <= 1.0:
        return ["the score is no probability"]
    if not 0.0 < cutoffs.second <= cutoffs.first < 1.0:
        return ["the cut-offs of the model are not in order"]
    return []


def _doubt(score: Score, cutoffs: Cutoffs) -> str:
    """Why a score below the second cut-off is suspicious all the same."""
    nearest = min(abs(score.probability - cutoffs.first), abs(score.probability - cutoffs.second))
    if nearest <= NEAR or math.isclose(nearest, NEAR, abs_tol=1e-9):
        return "the score lies on the border between suspicious and negative"
    if score.spread > WIDEST_SPREAD:
        return "the models disagree"
    return ""
