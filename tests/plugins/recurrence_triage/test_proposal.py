"""A volume is proposed where a model for it fills its slot and the exam is not negative; else it is said why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicomnode.sdk import Finding, Measurement, Model, QualitativeEvaluation, Segmentation, Volume
from dicomnode.sdk.codes import VOLUME
from dicomnode.sdk.testing import check_plugin, run_plugin
from dicomnode_plugins._learning.scoring import UnknownArchitecture
from dicomnode_plugins.recurrence_triage import SPEC, codes
from tests.plugins.recurrence_triage.exams import DOMAIN, a_case, a_model, an_outliner, told, volumes

POSITIVE = {"first": 0.0, "second": 0.0, "second_reader": 0.5}


@pytest.fixture(scope="module")
def exam() -> dict[str, Volume]:
    return {name: volume for name, volume in volumes(3).items() if name != "t1c"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return a_model(tmp_path_factory.mktemp("model"), cutoffs=POSITIVE)


@pytest.fixture(scope="module")
def outliner(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return an_outliner(tmp_path_factory.mktemp("outliner"))


def proposals(findings: list[Finding]) -> list[Segmentation]:
    return [f for f in findings if isinstance(f, Segmentation) and f.segments[0].proposes]


def said(findings: list[Finding], name: Any) -> list[str]:
    return [str(f.value) for f in findings if isinstance(f, QualitativeEvaluation) and f.name == name]


def test_a_proposal_is_a_segment_with_its_volume_and_a_warning(
    exam: dict[str, Volume], model: Model, outliner: Model
) -> None:
    case = a_case(exam, model, outliner)
    findings = run_plugin(SPEC, case)
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
    check_plugin(SPEC, case)


def test_without_a_model_in_the_slot_nothing_is_said_of_it(exam: dict[str, Volume], model: Model) -> None:
    findings = run_plugin(SPEC, a_case(exam, model))
    assert (proposals(findings), said(findings, codes.PROPOSAL)) == ([], [])


@pytest.mark.parametrize(
    ("cutoffs", "change", "reason"),
    [
        ({"first": 1.0, "second": 1.0, "second_reader": 0.5}, {}, "None: the exam is negative."),
        (POSITIVE, {"cutoffs": {"level": 1.0}}, "None: no voxel reaches the level of 1.00."),
        (POSITIVE, {"domain": replace(DOMAIN, field_strength=(2.5, 3.5))}, "None: t1: its field strength is 1.5 T"),
    ],
    ids=["negative", "nothing found", "outside its domain"],
)
def test_why_there_is_no_proposal_is_said(
    cutoffs: dict[str, float],
    change: dict[str, Any],
    reason: str,
    exam: dict[str, Volume],
    model: Model,
    outliner: Model,
) -> None:
    findings = run_plugin(SPEC, a_case(exam, replace(model, cutoffs=cutoffs), replace(outliner, **change)))
    assert proposals(findings) == []
    (words,) = said(findings, codes.PROPOSAL)
    assert words.startswith(reason)


def test_a_network_that_judges_cannot_propose(exam: dict[str, Volume], model: Model, outliner: Model) -> None:
    with pytest.raises(UnknownArchitecture, match="densenet-small outlines nothing"):
        run_plugin(SPEC, a_case(exam, model, replace(outliner, architecture="densenet-small")))


def test_what_a_card_says_of_another_sequence_is_no_matter_of_the_t1(
    exam: dict[str, Volume], model: Model, outliner: Model
) -> None:
    suppressed = {**exam, "t2": told(exam["t2"], ScanOptions="FS")}
    either = replace(DOMAIN, fat_saturated={})
    strict = replace(outliner, domain=replace(DOMAIN, fat_saturated={"t2": False}))
    (words,) = said(run_plugin(SPEC, a_case(suppressed, replace(model, domain=either), strict)), codes.PROPOSAL)
    assert words.startswith("None: t2: fat is suppressed (Scan Options FS)")
