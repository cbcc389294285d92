"""A volume is proposed where a model for it fills its slot and the exam is not negative; else it is said why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.triage.patients import Difficulty, draw
from benchmarks.triage.scans import COARSE, lesion
from dicomnode.catalog.models import read, unsound
from dicomnode.sdk import Finding, Measurement, Model, QualitativeEvaluation, Segmentation, Volume
from dicomnode.sdk.codes import VOLUME
from dicomnode.sdk.testing import run_plugin
from dicomnode_plugins import recurrence_triage
from dicomnode_plugins._learning.agreement import dice
from dicomnode_plugins._learning.nasopharynx import NARROW, WIDE, Prepared, prepare
from dicomnode_plugins._learning.scoring import UnknownArchitecture
from dicomnode_plugins._learning.tiers import Tier
from dicomnode_plugins._learning.weights import WeightsRefused
from dicomnode_plugins.recurrence_triage import OUTLINE, SPEC, codes, proposal
from dicomnode_plugins.recurrence_triage.verdict import Verdict, judge
from tests.plugins.recurrence_triage.exams import DOMAIN, a_case, a_model, an_outliner, volumes

POSITIVE = {"first": 0.0, "second": 0.0, "second_reader": 0.5}


@pytest.fixture(scope="module")
def exam() -> dict[str, Volume]:
    return {name: volume for name, volume in volumes(7).items() if name != "t1c"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return a_model(tmp_path_factory.mktemp("model"), cutoffs=POSITIVE)


@pytest.fixture(scope="module")
def outliner(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return an_outliner(tmp_path_factory.mktemp("outliner"))


@pytest.fixture(scope="module")
def prepared(exam: dict[str, Volume]) -> Prepared:
    return prepare(exam, NARROW)


@pytest.fixture(scope="module")
def verdict(model: Model, prepared: Prepared) -> Verdict:
    return judge(model, prepared)


def proposals(findings: list[Finding]) -> list[Segmentation]:
    return [f for f in findings if isinstance(f, Segmentation) and f.segments[0].proposes]


def said(findings: list[Finding], name: Any) -> list[str]:
    return [str(f.value) for f in findings if isinstance(f, QualitativeEvaluation) and f.name == name]


def test_a_proposal_is_a_segment_with_its_volume_and_a_warning(
    exam: dict[str, Volume], model: Model, outliner: Model
) -> None:
    findings = run_plugin(SPEC, a_case(exam, model, outliner))
    (found,) = proposals(findings)
    (segment,) = found.segments
    assert (found.on, segment.label, segment.proposes, segment.type.value) == ("t1", "GTV proposal", "GTV", "228791009")
    (volume,) = [f.value for f in findings if isinstance(f, Measurement) and f.name == VOLUME]
    assert volume == pytest.approx(found.labels.sum() * 5.0 * 1.8 * 1.8 / 1000)
    (words,) = said(findings, codes.PROPOSAL)
    assert words.startswith(f"Proposed, not for treatment planning. {outliner.name}; status demonstration.")
    assert "DEMONSTRATION - SYNTHETIC TRAINING - NOT FOR CLINICAL USE" in words
    assert "The GTV is a proposal of a network, not for treatment planning. A person outlines." in said(
        findings, codes.CAUTION
    )
    contoured = [f.contoured for f in findings if isinstance(f, Segmentation)]
    assert contoured == [False, True], "attention is no contour"


def test_without_a_model_in_the_slot_nothing_is_said_of_it(
    exam: dict[str, Volume], model: Model, prepared: Prepared, verdict: Verdict
) -> None:
    assert proposal.findings(a_case(exam, model), prepared, verdict) == []


@pytest.mark.parametrize(
    ("tier", "change", "reason"),
    [
        (Tier.NEGATIVE, {}, "None: the exam is negative."),
        (Tier.SUSPICIOUS, {"cutoffs": {"level": 1.0}}, "None: no voxel reaches the level of 1.00."),
        (
            Tier.POSITIVE,
            {"domain": replace(DOMAIN, field_strength=(2.5, 3.5))},
            "None: t1: its field strength is 1.5 T; the model is for 2.5 to 3.5 T; t2: its field",
        ),
    ],
    ids=["negative", "nothing found", "outside its domain"],
)
def test_why_there_is_no_proposal_is_said(
    tier: Tier,
    change: dict[str, Any],
    reason: str,
    exam: dict[str, Volume],
    model: Model,
    outliner: Model,
    prepared: Prepared,
    verdict: Verdict,
) -> None:
    judged = replace(verdict, decision=replace(verdict.decision, tier=tier))
    findings = proposal.findings(a_case(exam, model, replace(outliner, **change)), prepared, judged)
    assert proposals(findings) == []
    (words,) = said(findings, codes.PROPOSAL)
    assert words.startswith(reason)


def test_a_network_that_judges_cannot_propose(
    exam: dict[str, Volume], model: Model, outliner: Model, prepared: Prepared, verdict: Verdict
) -> None:
    with pytest.raises(UnknownArchitecture, match="densenet-small outlines nothing"):
        proposal.findings(a_case(exam, model, replace(outliner, architecture="densenet-small")), prepared, verdict)


def test_a_network_with_another_crop_gets_one_of_its_own(
    exam: dict[str, Volume], model: Model, outliner: Model, prepared: Prepared, verdict: Verdict
) -> None:
    wide = replace(outliner, architecture="unet")
    with pytest.raises(WeightsRefused, match="belongs to another network"):
        proposal.findings(a_case(exam, model, wide), prepared, verdict)
    assert proposal._on_its_crop(wide, prepared, exam).volumes["t1"].shape == WIDE.shape


def test_the_demonstration_finds_the_recurrence_of_a_phantom(
    exam: dict[str, Volume], model: Model, prepared: Prepared, verdict: Verdict
) -> None:
    card = read(Path(recurrence_triage.__file__).parent / "demonstration" / "outline.toml")
    assert [*unsound(card, "research", SPEC.version, date(2026, 11, 21))] == []
    assert (card.card.slot, card.card.status) == (OUTLINE, "demonstration")
    shipped = replace(card.model, domain=DOMAIN)
    (found,) = proposals(proposal.findings(a_case(exam, model, shipped), prepared, verdict))
    truth = lesion(draw(np.random.default_rng((14, 7)), Difficulty()), COARSE)
    assert dice(found.labels > 0, truth) > 0.75


def test_clinical_mode_refuses_the_demonstration() -> None:
    card = read(Path(recurrence_triage.__file__).parent / "demonstration" / "outline.toml")
    (reason,) = unsound(card, "clinical", SPEC.version, date(2026, 11, 21))
    assert reason == "its status is 'demonstration'; clinical mode runs validated models only"
