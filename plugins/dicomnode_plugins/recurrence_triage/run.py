"""From the series of a follow-up exam to its tier, or to the reason why nothing is said."""

from __future__ import annotations

import torch

from dicomnode.sdk import Case, Context, Decision, Finding, Model, Unsuitable, Volume
from dicomnode_plugins._learning import domain
from dicomnode_plugins._learning.landmark import NotFound
from dicomnode_plugins._learning.nasopharynx import NotPrepared, Prepared, prepare
from dicomnode_plugins._learning.scoring import UnknownArchitecture, crop_of
from dicomnode_plugins._learning.weights import WeightsRefused
from dicomnode_plugins.recurrence_triage import SLOT, picture, proposal, report
from dicomnode_plugins.recurrence_triage.verdict import ENHANCED, UNENHANCED, Verdict, judge


class _Abstained(Exception):
    """The model does not speak about this exam; the arguments say why."""


def run(case: Case, context: Context) -> list[Finding]:
    """Sort an exam into a tier and show where the networks looked.

    Raises
    ------
    Unsuitable
        When no model fills the slot, or the site wants no report of exams that nothing can be said about.
    """
    model = case.model(SLOT)
    torch.set_num_threads(max(1, context.threads))
    context.progress(0.05, "domain")
    try:
        prepared = _prepared(case, model)
    except _Abstained as abstention:
        reasons = [str(reason) for reason in abstention.args]
        if not case.parameters["report_abstention"]:
            raise Unsuitable("; ".join(reasons)) from abstention
        return report.abstained(model, reasons)
    context.progress(0.6, "networks")
    verdict = judge(model, prepared)
    context.progress(0.8, "attention")
    return [*_findings(case, model, prepared, verdict), *_on_trial(case)]


def _prepared(case: Case, model: Model) -> Prepared:
    """The exam as the networks see it, after every gate.

    Raises
    ------
    _Abstained
        With each reason.
    """
    sequences = {name: case.volumes[name] for name in (*UNENHANCED, ENHANCED) if name in case.volumes}
    missing = [f"there is no {name.upper()} series" for name in UNENHANCED if name not in sequences]
    if reasons := (*missing, *domain.outside(model.domain, sequences, UNENHANCED)):
        raise _Abstained(*reasons)
    try:
        return prepare(sequences, crop_of(model))
    except (NotFound, NotPrepared) as error:
        raise _Abstained(str(error)) from error


def _on_trial(case: Case) -> list[Finding]:
    """What a candidate would have said; for the ledger alone."""
    candidate = case.candidates.get(SLOT)
    if candidate is None:
        return []
    try:
        prepared = _prepared(case, candidate)
        other = judge(candidate, prepared)
    except (_Abstained, WeightsRefused, UnknownArchitecture):
        said = Decision(
            model=candidate.id, version=candidate.version, digest=candidate.digest, tier="abstained", shadow=True
        )
        return [said]
    return [report.decision(other, candidate, prepared, shadow=True)]


def _findings(case: Case, model: Model, prepared: Prepared, verdict: Verdict) -> list[Finding]:
    t1: Volume = case.volume("t1")
    seen = picture.attention(verdict)
    off_target = picture.off_target(seen, crop_of(model).spacing)
    level = float(case.parameters["attention_level"])
    pictures = picture.findings(picture.on_t1(seen, prepared, t1), tuple(prepared.volumes), t1, model, level)
    proposed = proposal.findings(case, prepared, verdict)
    return [*pictures, *report.statements(verdict, model, prepared, off_target), *proposed]
