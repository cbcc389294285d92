"""A training as a hospital runs it: broken off, gone on with, written down, refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dicomnode.errors import Unsuitable
from dicomnode.sdk.cohort import Assignment
from dicomnode.sdk.spec import Procedure
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.course import CURVES, RUN, read_run, scored, train
from dicomnode_plugins._learning.procedures import TRAINING
from tests.plugins._learning.cohorts import assignment, examples

PROCEDURE = Procedure(entry="a:b", parameters=TRAINING)
GIVEN = PROCEDURE.resolve({"architecture": "densenet-small", "epochs": 2, "batch": 8})
SEQUENCES = ("t1", "t2")
KNOWN = ("t1", "t2", "t1c")
NAMES = ("narrow_t1", "narrow_t2")


class Saying:
    """A context that keeps what is said, and breaks off when it is told so."""

    threads = 1

    def __init__(self, stop_at: str = "never") -> None:
        self.said: list[tuple[float, str]] = []
        self._stop_at = stop_at

    def progress(self, fraction: float, step: str) -> None:
        self.said.append((fraction, step))
        if step.startswith(self._stop_at):
            raise KeyboardInterrupt


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Assignment:
    folder = tmp_path_factory.mktemp("cohort")
    made = examples(folder, {"training": 24, "validation": 12}, NAMES)
    return assignment(made, folder / "out", **GIVEN)


@pytest.fixture(scope="module")
def whole(cohort: Assignment) -> dict[str, Any]:
    """The record of a training that nothing disturbed."""
    context = Saying()
    train(cohort, context, SEQUENCES, KNOWN)
    fractions = [fraction for fraction, _ in context.said]
    assert fractions == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])
    assert context.said[0][1].startswith("t1: epoch 1 of 2, training 0.")
    return read_run(cohort.output)


def test_everything_that_made_the_weights_is_written_down(cohort: Assignment, whole: dict[str, Any]) -> None:
    assert whole["recipe"] == {
        "epochs": 2, "batch": 8, "rate": 1e-3, "schedule": "halve on plateau", "patience": 5, "least_gain": 1e-4,
        "decay": 0.0, "longest_step": 0.0, "seed": 3,
    }  # fmt: skip
    assert whole["teacher"] is None
    assert (whole["architecture"], whole["device"], whole["torch"]) == ("densenet-small", "cpu", torch.__version__)
    assert whole["data"]["training"] == {"exams": 24, "positive": 12, "patients": 24, "unlabelled": 0}
    assert len(whole["data"]["exams"]) == 36
    for sequence in SEQUENCES:
        said = whole["models"][sequence]
        assert weights.digest(cohort.output / said["file"]) == said["sha256"]
        assert said["input"] == [1, 4, 24, 24]
        assert [epoch["number"] for epoch in said["epochs"]] == [1, 2]
        assert said["epochs"][0]["rate"] == 1e-3
        assert len(scored(cohort.output, whole, sequence, cohort.of("validation"))) == 12
    assert (cohort.output / CURVES).read_bytes()[:4] == b"\x89PNG"
    assert not list(cohort.output.glob("*.state"))


@pytest.mark.parametrize("stop_at", ["t1: epoch 1", "t1: epoch 2", "t2: epoch 1"])
def test_broken_off_and_gone_on_with_it_ends_to_the_bit_as_undisturbed(
    cohort: Assignment, whole: dict[str, Any], stop_at: str, tmp_path: Path
) -> None:
    broken = replace(cohort, output=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(broken, Saying(stop_at), SEQUENCES, KNOWN)
    train(replace(broken, resume=True), Saying(), SEQUENCES, KNOWN)
    assert read_run(tmp_path) == whole
    assert (tmp_path / CURVES).read_bytes() == (cohort.output / CURVES).read_bytes()


def test_what_changed_in_between_is_named(cohort: Assignment, whole: dict[str, Any]) -> None:
    again = replace(cohort, resume=True)
    for changed, says in (
        (replace(again, parameters={**GIVEN, "epochs": 9}), "recipe changed"),
        (replace(again, seed=4), "recipe changed"),
        (replace(again, examples=again.examples[1:]), "data changed"),
        (replace(again, parameters={**GIVEN, "architecture": "resnet34"}), "architecture changed"),
    ):
        with pytest.raises(Unsuitable, match=says):
            train(changed, Saying(), SEQUENCES, KNOWN)
    assert read_run(cohort.output) == whole


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"architecture": "vgg"}, "no architecture is called 'vgg'; there are densenet121, densenet-small, resnet34"),
        ({"schedule": "none"}, "no schedule is called 'none'"),
    ],
)
def test_a_wrong_parameter_is_named(cohort: Assignment, given: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match=says):
        train(replace(cohort, parameters={**GIVEN, **given}, output=tmp_path), Saying(), SEQUENCES, KNOWN)


def test_too_few_exams_with_a_sequence(cohort: Assignment, tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match="t1c: the training set has 0 positive and 0 negative exams with t1c"):
        train(replace(cohort, output=tmp_path), Saying(), ("t1c",), KNOWN)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(cohort: Assignment, tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match="device cuda: there is none"):
        train(replace(cohort, output=tmp_path, device="cuda"), Saying(), SEQUENCES, KNOWN)


def test_a_folder_without_a_training(tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match="holds no finished training"):
        read_run(tmp_path)
    (tmp_path / RUN).write_text(json.dumps({})[:-1])
    with pytest.raises(Unsuitable, match="holds no finished training"):
        read_run(tmp_path)
