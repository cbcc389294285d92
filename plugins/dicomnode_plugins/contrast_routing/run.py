"""From T1, T2 and facts to one advice; whatever is in the way ends in the protocol as ordered."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from dicomnode.sdk import (
    Case,
    Context,
    Decision,
    FactValue,
    Finding,
    Measurement,
    Model,
    QualitativeEvaluation,
    Recommendation,
)
from dicomnode.sdk.codes import NO_UNITS
from dicomnode_plugins._learning.cutoffs import Cutoffs
from dicomnode_plugins._learning.landmark import NotFound
from dicomnode_plugins._learning.nasopharynx import NotPrepared, prepare
from dicomnode_plugins._learning.scoring import crop_of
from dicomnode_plugins._learning.tiers import Tier
from dicomnode_plugins.contrast_routing import SLOT, codes, decision, gates
from dicomnode_plugins.contrast_routing.decision import Score
from dicomnode_plugins.contrast_routing.scoring import SEQUENCES, score

_GROUPS = ("I", "II", "III")


def run(case: Case, context: Context) -> list[Finding]:
    """Advise on contrast.

    Raises
    ------
    Unsuitable
        When no model fills the slot.
    dicomnode_plugins._learning.weights.WeightsRefused
        When weights are not what the model's card says.
    """
    torch.set_num_threads(context.threads)  # the processors are shared: two threads would mostly wait for each other
    model = case.model(SLOT)
    facts = _assumed(case)
    volumes = {name: case.volume(name) for name in SEQUENCES}
    failed = list(gates.failed(volumes, model.domain, facts))
    found: Score | None = None
    each: dict[str, float] = {}
    statistics: dict[str, float] = {}
    if not failed:
        context.progress(0.2, "the nasopharynx")
        try:
            prepared = prepare(volumes, crop_of(model))
        except (NotFound, NotPrepared) as error:
            failed.append(str(error))
        else:
            context.progress(0.6, "scores")
            found, each = score(model, prepared.volumes)
            statistics = prepared.statistics
    cutoffs = Cutoffs(first=model.cutoffs["first"], second=model.cutoffs["second"], second_reader=1.0)
    group = str(case.parameters["agent_group"])
    made = decision.decide(found, cutoffs, failed, facts, group if group in _GROUPS else "unknown")
    return [
        Recommendation(value=codes.ADVICE[made.advice], reason=made.reason, cautions=made.cautions),
        *_said(made, failed, facts),
        *_measured(found, cutoffs),
        *([_decided(model, made, found, each, statistics)] if found is not None else []),
    ]


def _assumed(case: Case) -> dict[str, FactValue]:
    """The facts, with what the site has decided to take for granted where it does not say."""
    facts = dict(case.facts)
    if case.parameters["assume_follow_up"]:
        facts.setdefault("npc-follow-up", "yes")
    if case.parameters["assume_no_demand"]:
        facts.setdefault("contrast-demanded", "no")
    return facts


def _said(made: decision.Decision, failed: list[str], facts: Mapping[str, FactValue]) -> list[Finding]:
    known = "; ".join(f"{name} {value}" for name, value in sorted(facts.items())) or "nothing"
    tier = made.tier.value if made.tier else "none: no model may speak"
    return [
        QualitativeEvaluation(name=codes.TIER, value=tier),
        QualitativeEvaluation(name=codes.FACTS, value=known),
        *(QualitativeEvaluation(name=codes.GATE, value=line) for line in failed),
    ]


def _measured(found: Score | None, cutoffs: Cutoffs) -> list[Finding]:
    if found is None:
        return []
    values = (
        (codes.PROBABILITY, found.probability),
        (codes.SPREAD, found.spread),
        (codes.CUTOFF, cutoffs.first),
        (codes.CUTOFF, cutoffs.second),
    )
    return [Measurement(name=name, value=value, unit=NO_UNITS, decimals=3) for name, value in values]


def _decided(
    model: Model, made: decision.Decision, found: Score, each: Mapping[str, float], statistics: Mapping[str, float]
) -> Decision:
    return Decision(
        model=model.id,
        version=model.version,
        digest=model.digest,
        tier=made.tier.value if made.tier else "abstained",
        positive=None if made.tier is None else made.tier is not Tier.NEGATIVE,
        scores={**each, "t1_t2": found.probability, "spread": found.spread},
        features=statistics,
    )
