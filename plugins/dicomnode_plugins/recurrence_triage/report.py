"""What the report says: tier, probabilities, cut-offs, spread, the model and its domain; or why nothing is said."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.sdk import Decision, Finding, Measurement, Model, QualitativeEvaluation, Recommendation
from dicomnode.sdk.codes import MILLIMETER, NO_UNITS, RATIO
from dicomnode_plugins._learning.nasopharynx import Prepared
from dicomnode_plugins._learning.tiers import BORDERLINE, Tier
from dicomnode_plugins.recurrence_triage import codes
from dicomnode_plugins.recurrence_triage.verdict import Verdict

METHOD = (
    "One 3D network for each sequence on a crop about the nasopharynx; p(T1_T2) is the mean of both. At or above the "
    "first cut-off positive, below the second negative, between them suspicious, where the network for T1+C decides "
    "(DARNDEST)."
)
DEMONSTRATION = "DEMONSTRATION - SYNTHETIC TRAINING - NOT FOR CLINICAL USE"
MOST_OFF_TARGET = 0.30
_ADVICE = {
    Tier.POSITIVE: "Recurrence is likely by the model: contrast-enhanced images are advised. A person decides.",
    Tier.SUSPICIOUS: "Undecided by T1 and T2: contrast-enhanced images are advised. A person decides.",
    Tier.NEGATIVE: "Recurrence is unlikely by the model: contrast may be dispensable. A person decides.",
}


def abstained(model: Model, reasons: Sequence[str]) -> list[Finding]:
    """The statement that nothing is said, and why."""
    return [
        QualitativeEvaluation(name=codes.TIER, value=f"Abstained because {'; '.join(reasons)}"[:1024]),
        QualitativeEvaluation(name=codes.DOMAIN, value="Not judged: the model does not speak about this exam."),
        *_model(model),
        Decision(model=model.id, version=model.version, digest=model.digest, tier="abstained"),
    ]


def statements(verdict: Verdict, model: Model, prepared: Prepared, off_target: float) -> list[Finding]:
    """Every number and sentence of a verdict."""
    return [
        QualitativeEvaluation(name=codes.TIER, value=_words(verdict)),
        Recommendation(value=_ADVICE[verdict.tier]),
        *_numbers(verdict, prepared, off_target),
        QualitativeEvaluation(
            name=codes.DOMAIN, value="All images lie within the domain that the model's card states."
        ),
        *_cautions(verdict, prepared, off_target),
        *_model(model),
        QualitativeEvaluation(name=codes.METHOD, value=METHOD),
        decision(verdict, model, prepared),
    ]


def decision(verdict: Verdict, model: Model, prepared: Prepared, *, shadow: bool = False) -> Decision:
    """What the ledger keeps of a verdict."""
    return Decision(
        model=model.id,
        version=model.version,
        digest=model.digest,
        tier=verdict.tier.value,
        positive=verdict.decision.recurrence,
        scores=dict(sorted(verdict.probabilities.items())),
        features=prepared.statistics,
        shadow=shadow,
    )


def _words(verdict: Verdict) -> str:
    p, cut = verdict.decision.probability, verdict.cutoffs
    said = f"{verdict.tier.value.capitalize()}: p(T1_T2) {p:.3f}, cut-offs {cut.first:.3f} and {cut.second:.3f}"
    if verdict.tier is Tier.SUSPICIOUS:
        if verdict.decision.recurrence is None:
            return f"{said}; without T1+C it stays undecided"
        above = "at or above" if verdict.decision.recurrence else "below"
        call = "recurrence" if verdict.decision.recurrence else "no recurrence"
        second = verdict.probabilities["t1c"]
        return f"{said}; p(T1+C) {second:.3f} is {above} {cut.second_reader:.3f}: {call}"
    return said


def _numbers(verdict: Verdict, prepared: Prepared, off_target: float) -> list[Finding]:
    cut = verdict.cutoffs
    figures = [
        *((codes.PROBABILITIES[name], value) for name, value in sorted(verdict.probabilities.items())),
        *((codes.SPREADS[name], found.spread) for name, found in sorted(verdict.scores.items())),
        (codes.FIRST, cut.first),
        (codes.SECOND, cut.second),
        (codes.SECOND_READER, cut.second_reader),
    ]
    moved = max(prepared.motion.values(), default=0.0)
    return [
        *(Measurement(name=name, value=value, unit=NO_UNITS, decimals=4) for name, value in figures),
        Measurement(name=codes.OFF_TARGET, value=off_target, unit=RATIO, decimals=3),
        Measurement(name=codes.MOTION, value=moved, unit=MILLIMETER, decimals=1),
    ]


def _cautions(verdict: Verdict, prepared: Prepared, off_target: float) -> list[Finding]:
    said = []
    if verdict.recomputed:
        said.append(f"p(T1_T2) lies within {BORDERLINE:g} of a cut-off; it was computed again in double precision.")
    if off_target > MOST_OFF_TARGET:
        said.append(f"Explanation off target: {off_target:.0%} of the attention lies outside the middle 60 mm.")
    said += [f"{name.upper()} had moved or has its own frame of reference; it was registered to T1."
             for name in prepared.registered]  # fmt: skip
    return [QualitativeEvaluation(name=codes.CAUTION, value=text) for text in said]


def _model(model: Model) -> list[Finding]:
    frozen = f"cut-offs frozen on {model.calibration}" if model.calibration else "cut-offs not calibrated"
    said = f"{model.name}; {model.architecture}; status {model.status}; {frozen}"
    weights = "; ".join(f"{name} sha256:{entry.sha256}" for name, entry in sorted(model.files.items()))
    found: list[Finding] = [
        QualitativeEvaluation(name=codes.MODEL, value=said),
        QualitativeEvaluation(name=codes.MODEL, value=f"Weights: {weights}"),
    ]
    if model.status == "demonstration":
        found.append(QualitativeEvaluation(name=codes.CAUTION, value=DEMONSTRATION))
    return found
