"""A changed protocol is noticed soon; what has not changed is left alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dicomnode.domain.decision import AlarmKind, LedgerEntry
from dicomnode.monitor import drift
from tests.unit.monitor.decisions import entry

FEATURES = 18


def exams(count: int, seed: int, **changes: Any) -> list[LedgerEntry]:
    """Decisions on exams of one protocol; ``shift`` moves one feature by so many standard deviations."""
    random, shift = np.random.default_rng(seed), changes.pop("shift", 0.0)
    share = changes.pop("positive", 0.4)
    made = []
    for n in range(count):
        values = random.standard_normal(FEATURES)
        values[3] += shift
        tier = "positive" if random.random() < share else "negative"
        given: dict[str, Any] = {
            "features": {f"f{k}": float(v) for k, v in enumerate(values)},
            "scores": {"p": float(random.beta(2, 3))},
            "tier": tier,
        }
        made.append(entry(n + 1, **{**given, **changes}))
    return made


USUAL = drift.reference(exams(200, 1))


def noticed(entries: Sequence[LedgerEntry]) -> dict[str, tuple[str, int]]:
    """Kind to subject and number of exams."""
    return {one.alarm.kind.value: (one.alarm.subject, one.exams) for one in drift.watch(USUAL, entries)}


def test_a_reference_comes_back_from_json_as_it_was() -> None:
    assert drift.Reference.from_json(json.loads(json.dumps(USUAL.to_json()))) == USUAL


def test_a_shift_of_one_and_a_half_standard_deviations_is_noticed_within_50_exams_and_named() -> None:
    for seed in range(20):
        (subject, after) = noticed(exams(50, 100 + seed, shift=1.5))["image"]
        assert subject == "f3"
        assert after <= 50


def test_what_has_not_changed_raises_at_most_one_alarm_in_2000_exams() -> None:
    alarms = [noticed(exams(1000, 200 + seed)) for seed in range(10)]
    assert sum(map(len, alarms)) <= 5


def test_one_freak_exam_is_no_drift() -> None:
    quiet = exams(60, 3)
    freak = exams(1, 4, features={f"f{k}": 1000.0 for k in range(FEATURES)})
    assert noticed([*quiet[:30], *freak, *quiet[30:]]) == {}


@pytest.mark.parametrize(
    ("changes", "kind", "subject"),
    [({"scores": {"p": 0.85}}, "score", "p"), ({"positive": 0.95}, "tier", "tier negative")],
)
def test_scores_and_tiers_are_followed_too(changes: dict[str, Any], kind: str, subject: str) -> None:
    found = noticed(exams(100, 5, **changes))
    assert found[kind][0] in (subject, "tier positive")
    assert found[kind][1] <= 50


def test_a_number_that_is_missing_says_nothing() -> None:
    assert noticed(exams(100, 6, features={})) == {}


def test_a_number_that_never_changed_must_not_change() -> None:
    usual = drift.reference(exams(200, 7, scores={"p": 0.5}))
    (one,) = drift.watch(usual, exams(100, 8, scores={"p": 0.9}))
    assert (one.alarm.kind, one.alarm.subject) == (AlarmKind.SCORE, "p")


@pytest.mark.parametrize(
    ("tags", "text"),
    [
        ({"FatSaturation": "yes"}, "t1.FatSaturation is yes in 3 of the last 10 exams; it was no"),
        ({"EchoTime": 20.0}, "t1.EchoTime is 20.0 in 3 of the last 10 exams; it was 12 to 12"),
    ],
)
def test_a_header_value_never_seen_is_noticed_at_the_third_exam(tags: dict[str, Any], text: str) -> None:
    changed = exams(3, 9, inputs={"t1": {"EchoTime": 12.0, "FatSaturation": "no", **tags}})
    (one,) = drift.watch(USUAL, changed)
    assert (one.alarm.kind, one.alarm.text, one.exams) == (AlarmKind.PROTOCOL, text, 3)


def test_two_odd_headers_and_small_changes_are_no_alarm() -> None:
    odd = exams(2, 9, inputs={"t1": {"FatSaturation": "yes"}})
    near = exams(20, 10, inputs={"t1": {"EchoTime": 12.9, "SoftwareVersions": "new, but never listed before"}})
    assert noticed([*odd, *near]) == {}


def test_few_decisions_are_no_reference() -> None:
    with pytest.raises(ValueError, match="99 decisions are no reference; 100 is the least"):
        drift.reference(exams(99, 11))
