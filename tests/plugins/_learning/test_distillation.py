"""Distillation: the formula to the digit, a frozen teacher, exams without label, what cannot teach."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dicomnode.errors import Unsuitable
from dicomnode.sdk.cohort import Assignment
from dicomnode.sdk.model import Model, Weights
from dicomnode.sdk.spec import Procedure
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.course import read_run, train
from dicomnode_plugins._learning.densenet import DenseNet3D, Layout
from dicomnode_plugins._learning.distillation import Committee, Distillation, Distilled, committee, loss
from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.procedures import DISTILLATION, TRAINING
from dicomnode_plugins._learning.training import Cases, Recipe, Trainer, cases
from tests.plugins._learning.cohorts import assignment, examples
from tests.plugins._learning.test_course import Saying

TINY = Layout(stem=2, growth=2, blocks=(1,), kernel=(1, 3, 3), stride=(1, 2, 2), pool=(1, 2, 2))
KNOWN = ("t1", "t2", "t1c")
GIVEN = Procedure(entry="a:b", parameters=(*TRAINING, *DISTILLATION)).resolve(
    {"architecture": "densenet-small", "epochs": 1, "batch": 8}
)
NAN = math.nan


@pytest.fixture(scope="module", autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(inputs: int, seed: int = 0) -> DenseNet3D:
    torch.manual_seed(seed)
    return DenseNet3D(replace(TINY, inputs=inputs))


def exams(positive: list[float], seed: int = 1) -> Cases:
    """Noise of three sequences."""
    volumes = np.random.default_rng(seed).normal(size=(len(positive), 3, 2, 8, 8)).astype(np.float32)
    return cases(volumes, np.array(positive, np.float32))


def taught(
    training: Cases, settings: Distillation, teacher: Committee, *, file: Path | None = None, stop: bool = False
) -> DenseNet3D:
    """A student of two sequences after two epochs, broken off after the first or gone on with from a file."""
    net = tiny(2, 5)
    recipe = Recipe(epochs=2, batch=4, rate=1e-2, seed=3)
    validation = exams([0.0, 1.0], 2)
    seen = Cases(volumes=validation.volumes[:, :2], positive=validation.positive)
    trainer = Trainer(net, recipe, training, seen, objective=Distilled(net, teacher, settings, 1))
    if file and file.exists():
        trainer.resume(file)
    for _ in trainer.epochs():
        if stop and file:
            trainer.save(file)
            break
    return net


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_loss_is_the_formula_on_numbers_done_by_hand() -> None:
    settings = Distillation(temperature=2.0, soft=0.25, hint=3.0)
    # exam 1: s 2, y 1, t -2, features (3, 4) against (0, 5): unit vectors (0.6, 0.8) and (0, 1)
    hard = math.log(1 + math.exp(-2.0))
    soft = math.log(1 + math.e) - 1 / (1 + math.e)  # BCE(sigmoid(1), sigmoid(-1))
    # exam 2: s 0, no label, t 0, features that point the same way: BCE(0.5, 0.5) is ln 2
    first, second = 0.75 * hard + 0.25 * 4 * soft, 4 * math.log(2)
    apart = (0.6**2 + 0.2**2) / 4  # mean over two exams of two features
    found = loss(
        torch.tensor([2.0, 0.0]),
        torch.tensor([1.0, NAN]),
        torch.tensor([-2.0, 0.0]),
        torch.tensor([[3.0, 4.0], [2.0, 0.0]]),
        torch.tensor([[0.0, 5.0], [7.0, 0.0]]),
        settings,
    )
    assert float(found) == pytest.approx((first + second) / 2 + 3.0 * apart, rel=1e-6)
    assert Distillation() == Distillation(temperature=2.0, soft=0.5, hint=5.0, dropout=0.2)


def test_an_exam_without_label_teaches_through_the_teacher_alone() -> None:
    student = torch.zeros(2, requires_grad=True)
    none = torch.zeros(2, 3)
    loss(student, torch.tensor([NAN, NAN]), torch.tensor([4.0, -4.0]), none, none, Distillation()).backward()
    assert student.grad is not None
    # d/ds of T^2 BCE(sigmoid(s/T), q) at s = 0 is T (1/2 - q), and half of it in the mean of two exams
    pull = 2 * (0.5 - 1 / (1 + math.exp(-2.0))) / 2
    assert student.grad.tolist() == pytest.approx([pull, -pull])


def test_the_teacher_is_the_mean_of_its_networks_and_is_left_as_it_was() -> None:
    one, other = tiny(1, 1).eval(), tiny(2, 2).eval()
    teacher = Committee([(one, [2]), (other, [0, 1])])
    training = exams([0.0, 1.0, NAN, NAN, 1.0, 0.0, NAN, 1.0])
    with torch.no_grad():
        mean = (one(training.volumes[:, 2:]) + other(training.volumes[:, :2])) / 2
    said, features = teacher(training.volumes)
    assert torch.allclose(said, mean)
    assert features.shape == (8, teacher.width) == (8, one.width + other.width)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    student = taught(training, Distillation(), teacher)
    learning = Distilled(student, teacher, Distillation(), 1).named_parameters()
    assert [name for name, parameter in learning if parameter.requires_grad] == ["project.weight"]
    assert not teacher.train().training
    assert not any(module.training for module in teacher.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert not same(student, tiny(2, 5))


def test_two_runs_and_one_that_was_broken_off_agree_to_the_bit(tmp_path: Path) -> None:
    teacher = Committee([(tiny(3, 1), [0, 1, 2])])
    training = exams([0.0, 1.0, NAN, NAN, 1.0, 0.0, NAN, 1.0])
    whole = taught(training, Distillation(), teacher)
    assert same(whole, taught(training, Distillation(), teacher))
    file = tmp_path / "state"
    taught(training, Distillation(), teacher, file=file, stop=True)
    assert same(whole, taught(training, Distillation(), teacher, file=file))
    assert not same(whole, taught(training, Distillation(), Committee([(tiny(3, 2), [0, 1, 2])])))
    with pytest.raises(ValueError, match="another recipe"):
        taught(training, Distillation(soft=0.4), teacher, file=file)


def test_now_and_then_the_student_is_shown_no_t2_and_the_teacher_is() -> None:
    net = tiny(2)
    seen: list[torch.Tensor] = []
    embed = net.embed
    net.embed = lambda volume: (seen.append(volume), embed(volume))[1]  # type: ignore[method-assign]
    shown: list[torch.Tensor] = []
    teacher = Committee([(tiny(3, 1), [0, 1, 2])])
    teacher.register_forward_pre_hook(lambda _, given: shown.append(given[0]))
    training = exams([0.0, 1.0] * 200)
    for channel, dropout in ((1, 0.2), (1, 0.0), (None, 0.2)):
        lesson = Distilled(net, teacher, Distillation(dropout=dropout), channel)
        lesson(net, training.volumes, training.positive, torch.Generator().manual_seed(1))
    assert all(torch.equal(volumes, training.volumes) for volumes in shown)
    assert all(torch.equal(volumes[:, 0], training.volumes[:, 0]) for volumes in seen)
    missing = [float((volumes[:, 1] == 0).flatten(1).all(1).float().mean()) for volumes in seen]
    assert missing[0] == pytest.approx(0.2, abs=0.06)
    assert missing[1:] == [0.0, 0.0]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A network for T1+C alone, and one for all three."""
    files = {}
    for number, name in enumerate(("t1c", "t1_t2_t1c")):
        torch.manual_seed(number)
        file = tmp_path / f"{name}.safetensors"
        sha256 = weights.save(network("densenet-small", len(name.split("_"))), file)
        files[name] = Weights(path=file, sha256=sha256)
    return Model(id="npc", version="3", status="research", architecture="densenet-small", digest="d" * 64, files=files)


@pytest.fixture
def cohort(tmp_path: Path) -> Assignment:
    """Sixteen labelled exams, eight without label, and eight that lack T1+C; those of the validation lack it all."""
    names = tuple(f"narrow_{sequence}" for sequence in KNOWN)
    made = list(examples(tmp_path / "whole", {"training": 24}, names))
    made[16:] = [replace(example, positive=None) for example in made[16:]]
    made += examples(tmp_path / "less", {"training": 8, "validation": 8}, names[:2], seed=1)
    return assignment(tuple(made), tmp_path / "out", **GIVEN)


def test_the_record_says_who_taught_and_how_many_exams_had_no_label(cohort: Assignment, model: Model) -> None:
    given = replace(cohort, teacher=model, parameters={**GIVEN, "unlabelled": 0.5, "soft": 0.75})
    train(given, Saying(), ("t1_t2",), KNOWN)
    run = read_run(cohort.output)
    assert run["teacher"] == {
        "model": "npc/3", "digest": "d" * 64, "architecture": "densenet-small",
        "weights": {name: entry.sha256 for name, entry in model.files.items()},
        "temperature": 2.0, "soft": 0.75, "hint": 5.0, "dropout": 0.2, "unlabelled": 0.5,
    }  # fmt: skip
    said = run["models"]["t1_t2"]
    assert said["input"] == [2, 4, 24, 24]
    assert said["exams"]["training"] == {"exams": 20, "positive": 8, "patients": 20, "unlabelled": 4}
    assert said["exams"]["validation"]["exams"] == 8
    assert weights.digest(cohort.output / "t1_t2.safetensors") == said["sha256"]
    other = replace(given, teacher=replace(model, digest="e" * 64), resume=True)
    with pytest.raises(Unsuitable, match="teacher changed"):
        train(other, Saying(), ("t1_t2",), KNOWN)


def test_a_teacher_that_does_not_fit_is_refused_by_name(model: Model) -> None:
    student = ("t1", "t2")
    teacher, shown = committee(model, "densenet-small", student, KNOWN)
    assert (len(teacher.members), shown) == (2, KNOWN)
    with pytest.raises(Unsuitable, match="teacher npc/3 is a densenet121, which does not see the crop that a densenet"):
        committee(replace(model, architecture="densenet121"), "densenet-small", student, KNOWN)
    with pytest.raises(Unsuitable, match="teacher npc/3: resnet34 cannot show where it looks"):
        committee(replace(model, architecture="resnet34"), "densenet121", student, KNOWN)
    with pytest.raises(Unsuitable, match="teacher npc/3 sees t1c; there is only t1, t2 of an exam"):
        committee(model, "densenet-small", student, student)
    torn = replace(model.files["t1c"], sha256="0" * 64)
    with pytest.raises(Unsuitable, match=r"teacher npc/3: t1c.safetensors has the SHA-256"):
        committee(replace(model, files={"t1c": torn}), "densenet-small", student, KNOWN)


def test_what_needs_a_teacher_is_refused_without_one(cohort: Assignment) -> None:
    with pytest.raises(Unsuitable, match="without a teacher soft means nothing"):
        train(replace(cohort, parameters={**GIVEN, "soft": 0.75}), Saying(), ("t1_t2",), KNOWN)
    with pytest.raises(Unsuitable, match="no network is called t3"):
        train(cohort, Saying(), ("t3",), KNOWN)
