"""Networks that outline are trained, gone on with, calibrated and refused as the others are."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dicomnode.errors import Unsuitable
from dicomnode.sdk.cohort import Assignment, Example, Part
from dicomnode.sdk.model import Model, Weights
from dicomnode.sdk.spec import Procedure
from dicomnode_plugins._learning import cards, outlining
from dicomnode_plugins._learning.course import read_run, train
from dicomnode_plugins._learning.outlining import best_level, calibrate, judged, words
from dicomnode_plugins._learning.procedures import TRAINING
from dicomnode_plugins._learning.scoring import UnknownArchitecture, outline
from tests.plugins._learning.cohorts import SHAPE, assignment, examples
from tests.plugins._learning.test_course import Saying

GIVEN = Procedure(entry="a:b", parameters=TRAINING).resolve(
    {"architecture": "unet-small", "epochs": 3, "batch": 8, "rate": 1e-2, "schedule": "one cycle"}
)
NAMES = ("narrow_t1", "narrow_t2")
NETWORK, KNOWN = ("t1_t2",), ("t1", "t2")
SPOT = (slice(1, 3), slice(8, 14), slice(8, 14))
SPACING = (5.0, 2.0, 2.0)


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def with_outlines(folder: Path, sizes: dict[Part, int], seed: int = 0) -> tuple[Example, ...]:
    """Noise with a bright spot in every other exam, and an outline of it."""
    made = examples(folder, sizes, NAMES, seed)
    mask = np.zeros(SHAPE, np.float32)
    mask[SPOT] = 1
    for example in made:
        if example.positive:
            arrays = {name: example.array(name) for name in NAMES}
            np.savez(example.file, **arrays, narrow_gtv=mask)  # type: ignore[arg-type]
    return made


def without_outline(example: Example, folder: Path) -> Example:
    file = folder / f"bare-{example.file.name}"
    np.savez(file, **{name: example.array(name) for name in NAMES})  # type: ignore[arg-type]
    return replace(example, file=file)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    folder = tmp_path_factory.mktemp("cohort")
    made = with_outlines(folder, {"training": 32, "validation": 8})
    return assignment(made, folder / "out", **GIVEN)


@pytest.fixture(scope="module")
def whole(given: Assignment) -> dict[str, Any]:
    train(given, Saying(), NETWORK, KNOWN, "gtv")
    return read_run(given.output)


def test_it_learns_and_the_best_is_kept_by_validation_dice(whole: dict[str, Any]) -> None:
    said = whole["models"]["t1_t2"]
    losses = [epoch["validation_loss"] for epoch in said["epochs"]]
    assert said["validation_dice"] == pytest.approx(1 - min(losses))
    assert said["validation_dice"] > 0.7
    assert (whole["architecture"], said["input"]) == ("unet-small", [2, *SHAPE])
    assert said["exams"]["training"]["positive"] == 16


def test_broken_off_and_gone_on_with_it_ends_to_the_bit_as_undisturbed(
    given: Assignment, whole: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(replace(given, output=tmp_path), Saying("t1_t2: epoch 2"), NETWORK, KNOWN, "gtv")
    train(replace(given, output=tmp_path, resume=True), Saying(), NETWORK, KNOWN, "gtv")
    assert read_run(tmp_path) == whole


def test_a_positive_exam_without_outline_teaches_nothing(given: Assignment, tmp_path: Path) -> None:
    bare = [without_outline(e, tmp_path) if e.positive and e.part == "training" else e for e in given.examples]
    few = replace(given, examples=tuple(bare), output=tmp_path)
    with pytest.raises(Unsuitable, match="has 0 positive and 16 negative exams with t1, t2 and an outline"):
        train(few, Saying(), NETWORK, KNOWN, "gtv")


def test_an_outline_in_a_negative_exam_is_refused(given: Assignment, tmp_path: Path) -> None:
    torn = replace(given.examples[0], positive=False)
    wrong = replace(given, examples=(torn, *given.examples[1:]), output=tmp_path)
    with pytest.raises(Unsuitable, match="1 exams are labelled negative and have something outlined"):
        train(wrong, Saying(), NETWORK, KNOWN, "gtv")


def test_a_plugin_without_outlines_refuses_the_architecture(given: Assignment, tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match="a unet-small outlines, and is not what this plugin's models are made of"):
        train(replace(given, output=tmp_path), Saying(), NETWORK, KNOWN)


def test_the_level_is_frozen_and_a_test_set_judged_by_it(
    given: Assignment, whole: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("run.json", "t1_t2.safetensors"):
        (tmp_path / name).write_bytes((given.output / name).read_bytes())
    (tmp_path / cards.CARD).write_text('id = "m"\nstatus = "validated"\n[approval]\napprover = "A"\n')
    made = with_outlines(tmp_path / "more", {"calibration": 60, "test": 20}, seed=5)
    context = Saying()
    calibrate(replace(given, examples=made, output=tmp_path), context, "gtv")
    report = json.loads((tmp_path / "calibration.json").read_text())
    card = tomllib.loads((tmp_path / cards.CARD).read_text())
    assert card["cutoffs"] == report["cutoffs"]
    assert (card["status"], card["calibration"]["rule"]) == ("research", "largest mean DSC")
    tested = report["test"]
    assert tested["dice"]["low"] < tested["dice"]["value"] < tested["dice"]["high"]
    assert tested["dice"]["value"] == pytest.approx(whole["models"]["t1_t2"]["validation_dice"], abs=0.2)
    assert (tested["met"]["cases"], tested["silent"]["cases"]) == (10, 10)
    assert context.said[-1][1].startswith(f"level {report['cutoffs']['level']:.2f}; on 10 test exams with an outline")
    assert "ASSD" in context.said[-1][1]
    few = replace(given, examples=made[2:], output=tmp_path)
    with pytest.raises(Unsuitable, match="needs 30 exams with an outline; there are 29"):
        calibrate(few, Saying(), "gtv")
    with pytest.raises(Unsuitable, match="40 of these exams were used in the training"):
        calibrate(replace(given, output=tmp_path), Saying(), "gtv")


def test_the_best_level_parts_a_blurred_lesion_where_its_edge_is() -> None:
    masks = np.zeros((3, 2, 9, 9), bool)
    masks[:2, :, 3:6, 3:6] = True
    maps = np.where(masks, 0.62, 0.28)
    maps[1, :, 2, 2:7] = 0.48
    assert best_level(maps, masks) == 0.5


def test_a_judgement_counts_silence_and_what_was_missed() -> None:
    masks = np.zeros((4, 3, 8, 8), bool)
    masks[:3, 1, 2:4, 2:4] = True
    proposals = masks.copy()
    proposals[0] = False
    proposals[3, 0, 0, 0] = True
    found = judged(proposals, masks, SPACING)
    assert found.dice["value"] == pytest.approx(2 / 3)
    assert found.mean_distance == {"value": 0, "low": 0, "high": 0}
    assert (found.met["hits"], found.met["cases"], found.silent["hits"], found.silent["cases"]) == (2, 3, 0, 1)
    said = words({"dice": found.dice, "mean_distance": {}, "far_distance": {}, "met": found.met, "silent": {}}, "test")
    assert (
        said == f"on 3 test exams with an outline: DSC 0.667 ({found.dice['low']:.3f}-{found.dice['high']:.3f}), met 2"
    )
    assert outlining.FEWEST == 30


def test_only_a_network_that_outlines_may_propose(tmp_path: Path) -> None:
    files = {"t1_t2": Weights(path=tmp_path / "x", sha256="0" * 64)}
    model = Model(id="m", version="1", status="research", architecture="densenet-small", digest="d", files=files)
    with pytest.raises(UnknownArchitecture, match="densenet-small outlines nothing: take a unet"):
        outline(model, "t1_t2", np.zeros((2, *SHAPE), np.float32))
