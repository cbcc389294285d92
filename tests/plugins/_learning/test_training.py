from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from dicomnode_plugins._learning.densenet import DenseNet3D, Layout
from dicomnode_plugins._learning.discrimination import area
from dicomnode_plugins._learning.training import Cases, Recipe, Trainer, cases, logits

TINY = Layout(stem=4, growth=4, blocks=(1, 1), kernel=(3, 3, 3), stride=(1, 2, 2), pool=(1, 2, 2), maximum=True)
RECIPE = Recipe(epochs=8, batch=8, rate=1e-2, schedule="one cycle", longest_step=2.0, seed=3)


def spots(seed: int, n: int = 64) -> Cases:
    """Noise; every other case holds a bright spot."""
    random = np.random.default_rng(seed)
    volumes = random.normal(size=(n, 1, 4, 12, 12)).astype(np.float32)
    positive = np.arange(n) % 2 == 0
    for volume in volumes[::2, 0]:
        z, y, x = random.integers(1, (3, 8, 8))
        volume[z : z + 2, y : y + 3, x : x + 3] += 4.0
    return cases(volumes, positive)


def trained(recipe: Recipe = RECIPE) -> DenseNet3D:
    torch.manual_seed(7)
    network = DenseNet3D(TINY)
    list(Trainer(network, recipe, spots(1), spots(2)).epochs())
    return network


def same(one: DenseNet3D, other: DenseNet3D) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_network_learns_and_two_runs_agree_to_the_bit() -> None:
    network = trained()
    test = spots(3, 100)
    assert area(test.positive.numpy() > 0, logits(network, test.volumes)).value > 0.9
    assert same(network, trained())
    assert not same(network, trained(replace(RECIPE, seed=4)))


@pytest.mark.parametrize("schedule", ["one cycle", "halve on plateau"])
def test_a_run_that_was_broken_off_ends_as_if_it_had_not_been(schedule: str, tmp_path: Path) -> None:
    recipe = replace(RECIPE, epochs=4, schedule=schedule)
    torch.manual_seed(7)
    broken = Trainer(DenseNet3D(TINY), recipe, spots(1), spots(2))
    list(islice(broken.epochs(), 2))
    broken.save(tmp_path / "state")
    torch.manual_seed(8)
    network = DenseNet3D(TINY)
    resumed = Trainer(network, recipe, spots(1), spots(2))
    resumed.resume(tmp_path / "state")
    assert [epoch.number for epoch in resumed.epochs()] == [3, 4]
    assert same(network, trained(recipe))


def test_another_recipe_is_not_gone_on_with(tmp_path: Path) -> None:
    trainer = Trainer(DenseNet3D(TINY), RECIPE, spots(1), spots(2))
    trainer.save(tmp_path / "state")
    with pytest.raises(ValueError, match="another recipe"):
        Trainer(DenseNet3D(TINY), replace(RECIPE, seed=9), spots(1), spots(2)).resume(tmp_path / "state")


def test_the_weights_of_the_best_epoch_are_kept() -> None:
    torch.manual_seed(7)
    network = DenseNet3D(TINY)
    validation = spots(2)
    epochs = list(Trainer(network, RECIPE, spots(1), validation).epochs())
    scores = torch.from_numpy(logits(network, validation.volumes))
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores, validation.positive.double()).item()
    assert loss == min(epoch.validation_loss for epoch in epochs)
    assert [epoch.number for epoch in epochs if epoch.kept][-1] == epochs[
        int(np.argmin([e.validation_loss for e in epochs]))
    ].number
