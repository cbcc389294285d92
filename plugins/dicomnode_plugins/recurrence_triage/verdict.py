"""The networks' answers on one exam put together: probabilities, tier, layered call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dicomnode.sdk import Model
from dicomnode_plugins._learning.cutoffs import Cutoffs
from dicomnode_plugins._learning.nasopharynx import Prepared
from dicomnode_plugins._learning.scoring import Score, exactly, loaded, score
from dicomnode_plugins._learning.tiers import Tier, Triage, combined, triage

UNENHANCED = ("t1", "t2")
ENHANCED = "t1c"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What one model says of one exam."""

    scores: Mapping[str, Score]
    """By sequence."""
    cutoffs: Cutoffs
    decision: Triage
    recomputed: bool
    """A score next to a cut-off was computed again in double precision before it decided."""

    @property
    def probabilities(self) -> dict[str, float]:
        """By sequence, and ``t1_t2``, the one that the tier follows from."""
        each = {name: found.probability for name, found in self.scores.items()}
        return {**each, "t1_t2": self.decision.probability}

    @property
    def tier(self) -> Tier:
        """Of T1 and T2 together."""
        return self.decision.tier


def judge(model: Model, prepared: Prepared) -> Verdict:
    """Let a model speak about an exam that holds T1 and T2, and perhaps T1+C.

    Raises
    ------
    dicomnode_plugins._learning.weights.WeightsRefused
        When a file of weights is not what the card says.
    """
    cutoffs = Cutoffs(**{name: model.cutoffs[name] for name in ("first", "second", "second_reader")})
    networks = {name: loaded(model, name) for name in prepared.volumes}
    scores = {name: score(network, prepared.volumes[name]) for name, network in networks.items()}
    enhanced = scores[ENHANCED].probability if ENHANCED in scores else None
    decision = triage(combined(*(scores[name].probability for name in UNENHANCED)), enhanced, cutoffs)
    if not decision.borderline:
        return Verdict(scores=scores, cutoffs=cutoffs, decision=decision, recomputed=False)
    again = combined(*(exactly(networks[name], prepared.volumes[name]) for name in UNENHANCED))
    return Verdict(scores=scores, cutoffs=cutoffs, decision=triage(again, enhanced, cutoffs), recomputed=True)
