"""Training by a stated recipe: reproducible to the bit, resumable, the best weights on validation cases are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode_plugins._learning.augmentation import augment
from dicomnode_plugins._learning.discrimination import Labels, Scores

_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained; the defaults are those of DARNDEST (Methods, Model development)."""

    epochs: int = 100
    batch: int = 12
    rate: float = 1e-3
    schedule: Literal["halve on plateau", "one cycle"] = "halve on plateau"
    """Halve the rate after ``patience`` epochs without a gain of ``least_gain`` in validation loss, or rise to it over
    the first 15 % of all steps and fall again."""
    patience: int = 5
    least_gain: float = 1e-4
    decay: float = 0.0
    """Weight decay, decoupled."""
    longest_step: float = 0.0
    """Norm to which gradients are cut; 0 leaves them."""
    seed: int = 0


ON_A_PHANTOM = Recipe(epochs=24, batch=8, rate=2e-3, schedule="one cycle", decay=0.02, longest_step=2.0)
"""For the small form and some 1,000 cases. The loss rests at 0.69 for 7 to 9 epochs before it falls: no early stop."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """Prepared volumes (n, sequences, z, y, x) float32 and which of them are positive (n,) float32."""

    volumes: Tensor
    positive: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """Mean binary cross entropy of one pass."""

    number: int
    training_loss: float
    validation_loss: float
    kept: bool
    """The weights after this epoch are the best so far."""


class Trainer:
    """Trains one network, an epoch at a time, and can go on where it was broken off."""

    def __init__(self, network: nn.Module, recipe: Recipe, training: Cases, validation: Cases) -> None:
        self._network = network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self._recipe = recipe
        self._training, self._validation = training, validation
        self._random = torch.Generator().manual_seed(recipe.seed)
        self._optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=recipe.decay)
        self._steps = -(-len(training.positive) // recipe.batch)
        self._schedule = _schedule(self._optimiser, recipe, self._steps)
        self._best: dict[str, Tensor] = {}
        self._least = float("inf")
        self._done = 0

    def epochs(self) -> Iterator[Epoch]:
        """Train, one epoch for each value taken; at the end the network holds the best weights."""
        with _reproducible():
            while self._done < self._recipe.epochs:
                training_loss = self._pass()
                scores = torch.from_numpy(logits(self._network, self._validation.volumes))
                validation_loss = float(
                    functional.binary_cross_entropy_with_logits(scores, self._validation.positive.double())
                )
                if isinstance(self._schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
                    self._schedule.step(validation_loss)
                kept = validation_loss < self._least
                if kept:
                    self._least = validation_loss
                    self._best = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
                self._done += 1
                yield Epoch(number=self._done, training_loss=training_loss, validation_loss=validation_loss, kept=kept)
        self._network.load_state_dict(self._best)
        self._network.eval()

    def _pass(self) -> float:
        self._network.train()
        total, cases = 0.0, len(self._training.positive)
        for chosen in torch.split(torch.randperm(cases, generator=self._random), self._recipe.batch):
            if len(chosen) < 2:  # batch normalisation has no spread of one case
                continue
            volumes = augment(self._training.volumes[chosen], self._random)
            scores = self._network(volumes)
            loss = functional.binary_cross_entropy_with_logits(scores, self._training.positive[chosen])
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self._recipe.longest_step:
                nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.longest_step)
            self._optimiser.step()
            if isinstance(self._schedule, torch.optim.lr_scheduler.OneCycleLR):
                self._schedule.step()
            total += float(loss.detach()) * len(chosen)
        return total / cases

    def save(self, file: Path) -> None:
        """Write down all that going on needs."""
        state = {
            "recipe": asdict(self._recipe),
            "network": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "random": self._random.get_state(),
            "best": self._best,
            "least": self._least,
            "done": self._done,
        }
        partial = file.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(file)

    def resume(self, file: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises
        ------
        ValueError
            When that training followed another recipe.
        """
        state: dict[str, Any] = torch.load(file, weights_only=True)
        if state["recipe"] != asdict(self._recipe):
            raise ValueError(f"{file.name} was trained by another recipe; start anew or give the same one")
        self._network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._random.set_state(state["random"])
        self._best, self._least, self._done = state["best"], state["least"], state["done"]


def logits(network: nn.Module, volumes: Tensor) -> Scores:
    """Scores of prepared volumes (n, sequences, z, y, x): (n,) float64, before the logistic function."""
    network.eval()
    with torch.inference_mode():
        parts = [network(part) for part in torch.split(volumes, _AT_ONCE)]
    scores: Scores = torch.cat(parts).double().numpy()
    return scores


def cases(volumes: np.ndarray, positive: Labels) -> Cases:
    """Prepared volumes and their classes as a trainer wants them."""
    return Cases(volumes=torch.from_numpy(volumes), positive=torch.from_numpy(positive.astype(np.float32)))


def _schedule(
    optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> torch.optim.lr_scheduler.OneCycleLR | torch.optim.lr_scheduler.ReduceLROnPlateau:
    if recipe.schedule == "one cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            recipe.rate,
            total_steps=recipe.epochs * steps,
            pct_start=0.15,
            div_factor=10,
            final_div_factor=100,
        )
    return torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimiser, factor=0.5, patience=recipe.patience, threshold=recipe.least_gain, threshold_mode="abs"
    )


@contextmanager
def _reproducible() -> Iterator[None]:
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
