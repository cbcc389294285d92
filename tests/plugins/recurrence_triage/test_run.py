"""An exam ends in a tier with all that led to it, or in the reason why nothing is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.triage.scans import COARSE
from benchmarks.triage.scans import exam as exam_of
from dicomnode.catalog.models import read, unsound
from dicomnode.errors import Unsuitable
from dicomnode.sdk import (
    Case,
    Decision,
    Finding,
    Measurement,
    Model,
    ParametricMap,
    QualitativeEvaluation,
    Recommendation,
    SecondaryCapture,
    Segmentation,
    Volume,
)
from dicomnode.sdk.testing import check_plugin, run_plugin, synthetic_volume
from dicomnode_plugins import recurrence_triage
from dicomnode_plugins._learning.weights import WeightsRefused
from dicomnode_plugins.recurrence_triage import SLOT, SPEC, codes
from tests.plugins.recurrence_triage.exams import DOMAIN, a_case, a_model, an_outliner, told, volumes


@pytest.fixture(scope="module")
def exam() -> dict[str, Volume]:
    return volumes()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return a_model(tmp_path_factory.mktemp("model"))


def said(findings: list[Finding], name: Any) -> list[str]:
    return [str(f.value) for f in findings if isinstance(f, QualitativeEvaluation) and f.name == name]


def numbers(findings: list[Finding]) -> dict[str, float]:
    return {f.name.value: f.value for f in findings if isinstance(f, Measurement)}


def one(findings: list[Finding], kind: type) -> Any:
    (found,) = [finding for finding in findings if isinstance(finding, kind)]
    return found


@pytest.fixture(scope="module")
def findings(exam: dict[str, Volume], model: Model) -> list[Finding]:
    return run_plugin(SPEC, a_case(exam, model))


def test_the_report_holds_every_number_that_led_to_the_tier(findings: list[Finding]) -> None:
    found = numbers(findings)
    assert found["P_T1_T2"] == pytest.approx(0.5 * found["P_T1"] + 0.5 * found["P_T2"])
    assert (found["CUTOFF_FIRST"], found["CUTOFF_SECOND"], found["CUTOFF_T1C"]) == (0.9, 0.1, 0.5)
    assert all(0 < found[name] < 0.2 for name in ("SPREAD_T1", "SPREAD_T2", "SPREAD_T1C"))
    (tier,) = said(findings, codes.TIER)
    call = "recurrence" if found["P_T1C"] >= 0.5 else "no recurrence"
    assert tier.startswith(f"Suspicious: p(T1_T2) {found['P_T1_T2']:.3f}, cut-offs 0.900 and 0.100; p(T1+C) ")
    assert tier.endswith(f"0.500: {call}")
    assert "contrast-enhanced images are advised" in one(findings, Recommendation).value


def test_the_report_names_the_model_its_digest_and_what_it_is(findings: list[Finding], model: Model) -> None:
    first, second = said(findings, codes.MODEL)
    assert first.startswith(f"random 1 sha256:{'d' * 64}; densenet-small; status demonstration")
    assert all(entry.sha256 in second for entry in model.files.values())
    assert "DEMONSTRATION - SYNTHETIC TRAINING - NOT FOR CLINICAL USE" in said(findings, codes.CAUTION)


def test_the_ledger_is_told_what_was_decided_and_a_candidate_is_only_heard_there(
    exam: dict[str, Volume], model: Model, findings: list[Finding]
) -> None:
    candidate = replace(model, version="2", digest="e" * 64, cutoffs={"first": 0.0, "second": 0.0, "second_reader": 0})
    beside = run_plugin(SPEC, replace(a_case(exam, model), candidates={SLOT: candidate}))
    speaking, shadow = [finding for finding in beside if isinstance(finding, Decision)]
    assert speaking == one(findings, Decision)
    assert (speaking.tier, speaking.shadow, shadow.tier, shadow.shadow) == ("suspicious", False, "positive", True)
    assert (shadow.version, shadow.digest, shadow.positive) == ("2", "e" * 64, True)
    assert set(speaking.scores) == {"t1", "t2", "t1c", "t1_t2"}
    assert {name.partition("_")[0] for name in speaking.features} == {"t1", "t2", "t1c"}
    assert len(speaking.features) == 18, "the ledger watches the images too"
    assert speaking.features == shadow.features
    assert [type(f) for f in beside if f != shadow] == [type(f) for f in findings]


def test_the_attention_lies_on_the_t1_and_nowhere_outside_the_crop(
    findings: list[Finding], exam: dict[str, Volume]
) -> None:
    attention = one(findings, ParametricMap)
    assert attention.array.shape == exam["t1"].array.shape
    known = np.isfinite(attention.array)
    assert known.sum() * exam["t1"].voxel_volume == pytest.approx(70 * 80 * 80, rel=0.15)
    assert 0.5 < np.nanmax(attention.array) <= 1
    region = one(findings, Segmentation)
    assert region.segments[0].label == "Attention, not a contour"
    np.testing.assert_array_equal(region.labels == 1, np.nan_to_num(attention.array) >= 0.5)
    frames = one(findings, SecondaryCapture).frames
    hot = np.ptp(frames.astype(int), axis=-1) > 30
    bar, edge = hot.any(axis=0), frames.shape[2] - 12
    assert hot[:, :, edge:].any(axis=(1, 2)).all(), "every picture has its colour bar"
    assert bar[:, edge:].any(axis=1).sum() <= frames.shape[1] // 2
    coloured = hot[:, :, :edge].any(axis=(1, 2))
    assert not coloured[~known.any(axis=(1, 2))].any()


@pytest.mark.parametrize(
    ("cutoffs", "tier"),
    [
        ({"first": 0.0, "second": 0.0, "second_reader": 0.5}, "Positive"),
        ({"first": 1.0, "second": 0.0, "second_reader": 0.5}, "Suspicious"),
        ({"first": 1.0, "second": 1.0, "second_reader": 0.5}, "Negative"),
    ],
)
def test_without_enhanced_images_the_tier_stands_alone(
    exam: dict[str, Volume], model: Model, cutoffs: dict[str, float], tier: str
) -> None:
    unenhanced = {name: exam[name] for name in ("t1", "t2")}
    findings = run_plugin(SPEC, a_case(unenhanced, replace(model, cutoffs=cutoffs)))
    (words,) = said(findings, codes.TIER)
    assert words.startswith(f"{tier}: ")
    assert words.endswith("it stays undecided") == (tier == "Suspicious")
    assert "P_T1C" not in numbers(findings)


def test_next_to_a_cut_off_the_score_is_computed_again(
    exam: dict[str, Volume], model: Model, findings: list[Finding]
) -> None:
    p = numbers(findings)["P_T1_T2"]
    near = replace(model, cutoffs={"first": p + 0.004, "second": 0.0, "second_reader": 0.5})
    again = run_plugin(SPEC, a_case(exam, near))
    assert any("computed again in double precision" in text for text in said(again, codes.CAUTION))
    assert numbers(again)["P_T1_T2"] == pytest.approx(p, abs=1e-5)


def thick(volume: Volume) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 2] *= 8 / 5
    return replace(volume, array=volume.array[:24].copy(), affine=affine)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda e: {"t1": e["t1"]}, "there is no T2 series"),
        (
            lambda e: {**e, "t2": told(e["t2"], ScanOptions="PFP\\FS")},
            "t2: fat is suppressed (Scan Options FS); the model is for images with fat signal",
        ),
        (lambda e: {**e, "t1": told(e["t1"], ContrastBolusAgent="yes")}, "t1: it was acquired after a contrast agent"),
        (
            lambda e: {name: told(volume, BodyPartExamined="ABDOMEN") for name, volume in e.items()},
            "t1: the body part is ABDOMEN; the model is for HEAD, NECK, HEADNECK",
        ),
        (
            lambda e: {name: thick(volume) for name, volume in e.items()},
            "t1: its slices lie 8 mm apart; the model takes at most 7 mm",
        ),
        (
            lambda e: {**e, "t1": told(e["t1"], MagneticFieldStrength=3.0)},
            "t1: its field strength is 3 T; the model is for 1 to 2 T",
        ),
        (
            lambda e: {**e, "t1": replace(e["t1"], array=synthetic_volume(e["t1"].array.shape).array)},
            "no place has air and tissue as a nasopharynx has",
        ),
    ],
    ids=["no T2", "fat-saturated", "after contrast", "abdomen", "thick slices", "3 T", "no head"],
)
def test_what_the_model_is_not_for_is_stated_with_its_reason(
    exam: dict[str, Volume], model: Model, change: Any, reason: str
) -> None:
    findings = run_plugin(SPEC, a_case(change(exam), model, report_abstention=True))
    (words,) = said(findings, codes.TIER)
    assert words.startswith("Abstained because ")
    assert reason in words
    assert said(findings, codes.MODEL)
    assert not numbers(findings)
    assert one(findings, Decision).tier == "abstained"


def test_by_default_an_exam_without_an_answer_gets_a_reason_and_no_report(
    exam: dict[str, Volume], model: Model
) -> None:
    with pytest.raises(Unsuitable, match="there is no T2 series"):
        run_plugin(SPEC, a_case({"t1": exam["t1"]}, model))


def test_without_a_model_nothing_is_said(exam: dict[str, Volume]) -> None:
    with pytest.raises(Unsuitable, match="no model fills the slot 'triage'"):
        run_plugin(SPEC, Case(volumes=exam, parameters=SPEC.resolve({})))


def test_weights_that_are_not_the_cards_are_not_loaded(exam: dict[str, Volume], model: Model) -> None:
    files = {**model.files, "t2": replace(model.files["t2"], sha256="0" * 64)}
    with pytest.raises(WeightsRefused, match="its card says 0000"):
        run_plugin(SPEC, a_case(exam, replace(model, files=files)))


def test_the_plugin_conforms(exam: dict[str, Volume], model: Model, tmp_path: Path) -> None:
    check_plugin(SPEC, a_case(exam, model, an_outliner(tmp_path)))


def test_the_demonstration_tells_recurrence_from_none() -> None:
    card = read(Path(recurrence_triage.__file__).parent / "demonstration" / "card.toml")
    assert [*unsound(card, "research", SPEC.version, date(2026, 11, 21))] == []
    tiers = []
    for number, kind in ((0, "clear"), (3, "recurrence")):
        assert exam_of(number, 14, grid=COARSE)[1] == kind
        findings = run_plugin(SPEC, a_case(volumes(number), replace(card.model, domain=DOMAIN)))
        tiers += said(findings, codes.TIER)
    assert tiers[0].startswith("Negative: ")
    assert tiers[1].startswith("Suspicious: ")
    assert tiers[1].endswith(" is at or above 0.170: recurrence")


def test_clinical_mode_refuses_the_demonstration() -> None:
    card = read(Path(recurrence_triage.__file__).parent / "demonstration" / "card.toml")
    (reason,) = unsound(card, "clinical", SPEC.version, date(2026, 11, 21))
    assert reason == "its status is 'demonstration'; clinical mode runs validated models only"
