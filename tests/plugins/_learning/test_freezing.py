"""A calibration as a hospital runs it: what it chooses, what it must not look at, what it refuses."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicomnode.errors import Unsuitable
from dicomnode.sdk.cohort import Assignment, Example, Part
from dicomnode.sdk.spec import Procedure
from dicomnode_plugins._learning import cards, freezing, procedures
from dicomnode_plugins._learning.discrimination import Scores
from dicomnode_plugins._learning.freezing import CALIBRATION, calibrate
from tests.plugins._learning.cohorts import assignment
from tests.plugins._learning.test_course import Saying

SEQUENCES = ("t1", "t2", "t1c")
GIVEN = Procedure(entry="a:b", parameters=procedures.CALIBRATION).resolve({})
SIZES: dict[Part, int] = {"calibration": 500, "test": 200}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assignment:
    """A training's folder, exams, and networks that part the classes by 2 standard deviations."""
    file = tmp_path / "any.npz"
    np.savez(file, **{f"narrow_{sequence}": np.zeros(1) for sequence in SEQUENCES})  # type: ignore[arg-type]
    made = [
        Example(file=file, digest=f"{part}{n:04}", patient=n, positive=n % 5 < 2, part=part)
        for part, count in SIZES.items()
        for n in range(count)
    ]
    record = {
        "architecture": "densenet-small", "models": {s: {} for s in SEQUENCES}, "data": {"exams": ["training0001"]}
    }  # fmt: skip
    (tmp_path / "run.json").write_text(json.dumps(record))
    (tmp_path / cards.CARD).write_text('id = "m"\nstatus = "validated"\n[approval]\napprover = "A"\n')

    def scored(_folder: Path, _record: object, sequence: str, examples: Sequence[Example]) -> Scores:
        seeds = [int.from_bytes(f"{sequence}{example.digest}".encode(), "big") for example in examples]
        noise = np.array([np.random.default_rng(seed).normal() for seed in seeds])
        return noise + 2.0 * np.array([example.positive for example in examples]) - 1.0

    monkeypatch.setattr(freezing, "scored", scored)
    return assignment(tuple(made), tmp_path, **GIVEN)


def calibrated(given: Assignment, **parameters: Any) -> dict[str, Any]:
    calibrate(replace(given, parameters={**GIVEN, **parameters}), Saying(), SEQUENCES)
    report: dict[str, Any] = json.loads((given.output / CALIBRATION).read_text())
    return report


def test_every_figure_of_both_sets_is_there(given: Assignment) -> None:
    report = calibrated(given)
    assert report["calibration"]["exams"] == 500
    assert report["test"]["exams"] == 200
    assert 0 < report["cutoffs"]["second"] < report["cutoffs"]["first"] < 1
    for judged in (report["calibration"], report["test"]):
        # two normal distributions 2 standard deviations apart: area 0.921; the mean of two of them 0.977
        assert judged["areas"]["t1"]["value"] == pytest.approx(0.921, abs=0.04)
        assert judged["areas"]["t1_t2"]["value"] == pytest.approx(0.977, abs=0.03)
        assert judged["area_differences"]["t1_t2 - t1"]["low"] > 0
        layered = judged["layered"]["sensitivity"]
        assert layered["share"] == layered["hits"] / layered["cases"]
        assert layered["wilson with continuity"][0] < layered["wilson"][0] < layered["share"]
        assert 0 <= judged["mcnemar first layer against layered"] <= 1
    assert report["calibration"]["layered"]["sensitivity"]["share"] > 0.92
    for part in SIZES:
        for picture in ("roc", "reliability", "decisions"):
            assert (given.output / f"{part}-{picture}.png").read_bytes()[:4] == b"\x89PNG"


def test_the_card_gets_the_cutoffs_and_loses_an_approval_of_others(given: Assignment) -> None:
    report = calibrated(given)
    assert tomllib.loads((given.output / cards.CARD).read_text()) == {
        "id": "m",
        "status": "research",
        "cutoffs": report["cutoffs"],
        "calibration": {"digest": report["digest"], "cases": 500, "rule": "lower bound >= 0.9"},
    }
    (given.output / cards.CARD).unlink()
    with pytest.raises(Unsuitable, match=r"card\.toml beside the models cannot be read"):
        calibrated(given)


def test_the_test_set_chooses_nothing(given: Assignment) -> None:
    whole = calibrated(given)
    turned = [replace(e, positive=not e.positive) if e.part == "test" else e for e in given.examples]
    other = calibrated(replace(given, examples=tuple(turned)))
    without = calibrated(replace(given, examples=given.of("calibration")))
    assert whole["test"] != other["test"]
    assert without["test"] is None
    for name in ("cutoffs", "temperatures", "calibration", "digest"):
        assert whole[name] == other[name] == without[name]


def test_the_point_rule_spares_more_and_promises_less(given: Assignment) -> None:
    bound, point = calibrated(given), calibrated(given, rule="point")
    assert point["cutoffs"]["second"] >= bound["cutoffs"]["second"]
    assert point["calibration"]["contrast spared"]["share"] >= bound["calibration"]["contrast spared"]["share"]
    assert bound["calibration"]["layered"]["sensitivity"]["share"] > 0.9


def _few(given: Assignment) -> Assignment:
    return replace(given, examples=given.examples[:399])


def _one_sided(given: Assignment) -> Assignment:
    return replace(given, examples=tuple(replace(e, positive=n < 49) for n, e in enumerate(given.examples)))


def _seen(given: Assignment) -> Assignment:
    return replace(given, examples=(*given.examples, replace(given.examples[0], digest="training0001")))


def _unfinished(given: Assignment) -> Assignment:
    record = json.loads((given.output / "run.json").read_text())
    del record["models"]["t2"]
    (given.output / "run.json").write_text(json.dumps(record))
    return given


def _no_rule(given: Assignment) -> Assignment:
    return replace(given, parameters={**GIVEN, "rule": "youden"})


def _unreachable(given: Assignment) -> Assignment:
    return replace(given, parameters={**GIVEN, "sensitivity": 0.999})


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (_few, "calibration needs 400 exams with every sequence, 50 of them positive and 100 negative; there are 399"),
        (_one_sided, "there are 500, 49 positive and 451 negative"),
        (_seen, "1 of these exams were used in the training"),
        (_unfinished, "the training has not ended: there is no network for t2"),
        (_no_rule, "no rule is called 'youden'; there are lower bound, point"),
        (_unreachable, "no second cut-off reaches a sensitivity of 0.999"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    given: Assignment, broken: Callable[[Assignment], Assignment], says: str
) -> None:
    with pytest.raises(Unsuitable, match=says):
        calibrate(broken(given), Saying(), SEQUENCES)
    assert not (given.output / CALIBRATION).exists()


def test_an_exam_without_a_sequence_is_left_out_and_counted(given: Assignment, tmp_path: Path) -> None:
    np.savez(tmp_path / "less.npz", narrow_t1=np.zeros(1), narrow_t2=np.zeros(1))
    less = replace(given.examples[0], file=tmp_path / "less.npz")
    report = calibrated(replace(given, examples=(less, *given.examples[1:])))
    assert (report["left_out"]["incomplete"], report["calibration"]["exams"]) == (1, 499)


def test_one_network_for_both_sequences_gets_two_cutoffs(given: Assignment) -> None:
    record = json.loads((given.output / "run.json").read_text())
    record["models"] = {"t1_t2": {}}
    (given.output / "run.json").write_text(json.dumps(record))
    calibrate(given, Saying(), ("t1_t2",))
    report = json.loads((given.output / CALIBRATION).read_text())
    assert list(report["cutoffs"]) == ["first", "second"]
    assert list(report["test"]["areas"]) == ["t1_t2"]
    assert report["calibration"]["contrast recommended"]["sensitivity"]["share"] > 0.9
    assert "layered" not in report["calibration"]


def test_an_exam_without_label_freezes_nothing(given: Assignment) -> None:
    unknown = replace(given.examples[0], positive=None)
    with pytest.raises(Unsuitable, match="1 exams have no label"):
        calibrate(replace(given, examples=(unknown, *given.examples[1:])), Saying(), SEQUENCES)
