"""Whole synthetic exams through the plugin: sound ones are scored, all others end in the protocol as ordered."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import dicomnode_plugins.contrast_routing
from benchmarks.triage.scans import COARSE, exam
from dicomnode.catalog.models import read
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case, Decision, FactValue, Measurement, QualitativeEvaluation, Recommendation, Volume
from dicomnode.sdk.codes import (
    CONTRAST_MAY_BE_OMITTED,
    CONTRAST_RECOMMENDED,
    NO_CONTRAST_WITHOUT_RADIOLOGIST,
    STANDARD_PROTOCOL,
    Code,
)
from dicomnode.sdk.testing import check_plugin, run_plugin
from dicomnode_plugins._learning.weights import WeightsRefused
from dicomnode_plugins.contrast_routing import SPEC
from dicomnode_plugins.contrast_routing.scoring import warm

CARD = Path(str(dicomnode_plugins.contrast_routing.__file__)).parent / "models" / "phantom" / "card.toml"
MODEL = read(CARD).model
SAFE: dict[str, FactValue] = {
    "npc-follow-up": "yes",
    "contrast-demanded": "no",
    "contrast-reaction": "none",
    "egfr": 80.0,
    "pregnancy": "no",
}
LOW, HIGH = 0, 4
"""Patients of the synthetic test cohort."""
SAID: dict[str, float | str] = {"MagneticFieldStrength": 1.5, "ContrastBolusAgent": "no"}


@cache
def volumes(number: int) -> tuple[dict[str, Volume], str]:
    seen, kind = exam(number, 14, grid=COARSE)
    return {name: replace(seen[name], acquisition=SAID) for name in ("t1", "t2")}, kind  # type: ignore[index]


def case(number: int = 0, facts: dict[str, FactValue] | None = None, **changes: object) -> Case:
    found = Case(
        volumes=volumes(number)[0],
        parameters=SPEC.resolve({}),
        facts=SAFE if facts is None else facts,
        models={"unenhanced": MODEL},
    )
    return replace(found, **changes)  # type: ignore[arg-type]


def advice(given: Case) -> tuple[Code, str]:
    (said,) = (one for one in run_plugin(SPEC, given) if isinstance(one, Recommendation))
    assert isinstance(said.value, Code)
    return said.value, said.reason


def test_it_conforms() -> None:
    check_plugin(SPEC, case())


def test_a_low_score_may_omit_and_a_danger_never() -> None:
    assert volumes(LOW)[1] == "clear"
    assert advice(case(LOW)) == (CONTRAST_MAY_BE_OMITTED, "the unenhanced images speak against recurrence")
    assert advice(case(LOW, {**SAFE, "contrast-reaction": "severe"}))[0] == NO_CONTRAST_WITHOUT_RADIOLOGIST
    assert advice(case(LOW, {**SAFE, "contrast-demanded": "yes"}))[0] == STANDARD_PROTOCOL


def test_what_orders_mean_where_they_are_silent_is_for_the_site_to_say() -> None:
    silent = {name: value for name, value in SAFE.items() if name not in ("contrast-demanded", "npc-follow-up")}
    assert advice(case(LOW, silent))[0] == STANDARD_PROTOCOL
    assumed = SPEC.resolve({"assume_follow_up": True, "assume_no_demand": True})
    assert advice(case(LOW, silent, parameters=assumed))[0] == CONTRAST_MAY_BE_OMITTED
    assert advice(case(LOW, {**silent, "npc-follow-up": "no"}, parameters=assumed))[0] == STANDARD_PROTOCOL


def test_a_high_score_recommends_and_goes_into_the_ledger() -> None:
    assert volumes(HIGH)[1] == "recurrence"
    findings = run_plugin(SPEC, case(HIGH))
    (said,) = (one for one in findings if isinstance(one, Recommendation))
    assert (said.value, said.reason) == (CONTRAST_RECOMMENDED, "the unenhanced images make recurrence likely")
    (made,) = (one for one in findings if isinstance(one, Decision))
    assert (made.model, made.digest, made.tier, made.positive) == (MODEL.id, MODEL.digest, "positive", True)
    assert len(made.features) == 12, "six statistics of each sequence"
    assert made.scores["t1_t2"] == pytest.approx((made.scores["t1"] + made.scores["t2"]) / 2)
    measured = {one.name.value: one.value for one in findings if isinstance(one, Measurement)}
    assert measured["P_RECURRENCE"] == pytest.approx(made.scores["t1_t2"])
    assert measured["P_RECURRENCE"] > MODEL.cutoffs["first"]


def test_a_gate_that_failed_is_said_and_nothing_is_scored() -> None:
    at_3_t = {
        name: replace(one, acquisition={**SAID, "MagneticFieldStrength": 3.0}) for name, one in volumes(0)[0].items()
    }
    findings = run_plugin(SPEC, case(volumes=at_3_t))
    assert not any(isinstance(one, (Measurement, Decision)) for one in findings)
    gates = [one.value for one in findings if isinstance(one, QualitativeEvaluation) and one.name.value == "GATE"]
    assert gates == [
        "t1: its field strength is 3 T; the model is for 1.4 to 1.6 T",
        "t2: its field strength is 3 T; the model is for 1.4 to 1.6 T",
    ]
    assert advice(case(volumes=at_3_t)) == (STANDARD_PROTOCOL, gates[0])


def test_without_a_model_it_says_nothing() -> None:
    with pytest.raises(Unsuitable, match="no model fills the slot 'unenhanced'"):
        run_plugin(SPEC, case(models={}))


def test_weights_that_are_not_the_card_s_are_refused() -> None:
    files = {name: replace(one, sha256="0" * 64) for name, one in MODEL.files.items()}
    with pytest.raises(WeightsRefused, match=r"t1\.safetensors has the SHA-256"):
        run_plugin(SPEC, case(models={"unenhanced": replace(MODEL, files=files)}))


def test_networks_that_were_loaded_ahead_are_not_read_again(tmp_path: Path) -> None:
    copies = {}
    for name, entry in MODEL.files.items():
        copies[name] = replace(entry, path=tmp_path / entry.path.name)
        copies[name].path.write_bytes(entry.path.read_bytes())
    model = replace(MODEL, files=copies)
    warm({"unenhanced": model})
    for entry in copies.values():
        entry.path.unlink()
    assert advice(case(models={"unenhanced": model})) == advice(case())
