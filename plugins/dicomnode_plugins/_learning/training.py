"""Training by a stated recipe: to the bit on a CPU, resumable, the best weights on validation cases are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode_plugins._learning.augmentation import augment
from dicomnode_plugins._learning.discrimination import Scores

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
    """Prepared volumes (n, sequences, z, y, x) float32 and which of them are positive (n,) float32.

    NaN where the class is not known; an objective with a teacher alone takes that. For such an objective the volumes
    of the training cases hold the sequences of its teacher too, behind those of the network.
    """

    volumes: Tensor
    positive: Tensor
    masks: int = 0
    """How many of the last channels of the volumes are masks of what is looked for, 0 or 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one pass came to."""

    number: int
    training_loss: float
    """Mean of the objective."""
    validation_loss: float
    """What the objective judges by: mean binary cross entropy with the classes; for outlines 1 less the mean DSC."""
    kept: bool
    """The weights after this epoch are the best so far."""
    rate: float
    """At its end."""


class Objective(Protocol):
    """What a training lowers: a module, whose own parameters learn too where they take a gradient."""

    @property
    def said(self) -> dict[str, Any]:
        """What a training that is gone on with must share."""
        ...

    def __call__(self, network: nn.Module, volumes: Tensor, positive: Tensor, random: torch.Generator, /) -> Tensor:
        """The loss of one step."""
        ...

    def judge(self, network: nn.Module, cases: Cases, /) -> float:
        """How far the network is from what is wanted on validation cases: the weights with the least are kept."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Its own parameters."""
        ...

    def to(self, device: str) -> Objective:
        """Itself on a device."""
        ...


class CrossEntropy(nn.Module):
    """Binary cross entropy with the classes, as in DARNDEST."""

    @property
    def said(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def forward(self, network: nn.Module, volumes: Tensor, positive: Tensor, _random: torch.Generator) -> Tensor:
        """The loss of one step."""
        return functional.binary_cross_entropy_with_logits(network(volumes), positive)

    def judge(self, network: nn.Module, cases: Cases) -> float:
        """As :func:`cross_entropy`."""
        return cross_entropy(network, cases)


class Trainer:
    """Trains one network, an epoch at a time, and can go on where it was broken off."""

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        training: Cases,
        validation: Cases,
        device: str = "cpu",
        objective: Objective | None = None,
    ) -> None:
        self._network = network.to(device, memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self._device = device
        self._objective: Objective = (objective or CrossEntropy()).to(device)
        self._beside = {name: one for name, one in self._objective.named_parameters() if one.requires_grad}
        self._learning = [*network.parameters(), *self._beside.values()]
        self._recipe = recipe
        self._training, self._validation = training, validation
        self._order = torch.Generator().manual_seed(recipe.seed)
        self._random = torch.Generator(device).manual_seed(recipe.seed)
        self._optimiser = torch.optim.AdamW(self._learning, recipe.rate, weight_decay=recipe.decay)
        self._steps = -(-len(training.positive) // recipe.batch)
        self._schedule = _schedule(self._optimiser, recipe, self._steps)
        self._best: dict[str, Tensor] = {}
        self._least = float("inf")
        self._done = 0
        self.epochs_done: list[Epoch] = []
        """All epochs, those before a resumption too."""

    def epochs(self) -> Iterator[Epoch]:
        """Train, one epoch for each value taken; at the end the network holds the best weights."""
        with _reproducible(self._device):
            while self._done < self._recipe.epochs:
                training_loss = self._pass()
                validation_loss = self._objective.judge(self._network, self._validation)
                if isinstance(self._schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
                    self._schedule.step(validation_loss)
                kept = validation_loss < self._least
                if kept:
                    self._least = validation_loss
                    self._best = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
                self._done += 1
                self.epochs_done.append(
                    Epoch(
                        number=self._done,
                        training_loss=training_loss,
                        validation_loss=validation_loss,
                        kept=kept,
                        rate=float(self._optimiser.param_groups[0]["lr"]),
                    )
                )
                yield self.epochs_done[-1]
        self._network.load_state_dict(self._best)
        self._network.eval()

    def _pass(self) -> float:
        self._network.train()
        total, cases = 0.0, len(self._training.positive)
        for chosen in torch.split(torch.randperm(cases, generator=self._order), self._recipe.batch):
            if len(chosen) < 2:  # batch normalisation has no spread of one case
                continue
            volumes = augment(self._training.volumes[chosen].to(self._device), self._random, self._training.masks)
            positive = self._training.positive[chosen].to(self._device)
            loss = self._objective(self._network, volumes, positive, self._random)
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self._recipe.longest_step:
                nn.utils.clip_grad_norm_(self._learning, self._recipe.longest_step)
            self._optimiser.step()
            if isinstance(self._schedule, torch.optim.lr_scheduler.OneCycleLR):
                self._schedule.step()
            total += float(loss.detach()) * len(chosen)
        return total / cases

    def save(self, file: Path) -> None:
        """Write down all that going on needs."""
        state = {
            "recipe": asdict(self._recipe),
            "objective": self._objective.said,
            "beside": {name: parameter.detach() for name, parameter in self._beside.items()},
            "network": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "schedule": self._schedule.state_dict(),
            "order": self._order.get_state(),
            "random": self._random.get_state(),
            "threads": torch.get_num_threads(),
            "cases": _fingerprint(self._training, self._validation),
            "best": self._best,
            "least": self._least,
            "done": self._done,
            "epochs": [asdict(epoch) for epoch in self.epochs_done],
        }
        partial = file.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(file)

    def resume(self, file: Path) -> None:
        """Go on from what :meth:`save` wrote.

        Raises
        ------
        ValueError
            When that training followed another recipe, saw other cases or ran in another number of threads, which
            changes the last digit of sums.
        """
        state: dict[str, Any] = torch.load(file, weights_only=True, map_location="cpu")
        if state["recipe"] != asdict(self._recipe) or state.get("objective", {}) != self._objective.said:
            raise ValueError(f"{file.name} was trained by another recipe; start anew or give the same one")
        if state["cases"] != _fingerprint(self._training, self._validation):
            raise ValueError(f"{file.name} was trained on other cases; start anew or give the same ones")
        if self._device == "cpu" and state["threads"] != torch.get_num_threads():
            raise ValueError(
                f"{file.name} was trained in {state['threads']} threads, here are {torch.get_num_threads()}"
            )
        self._network.load_state_dict(state["network"])
        with torch.no_grad():
            for name, parameter in self._beside.items():
                parameter.copy_(state["beside"][name])
        self._optimiser.load_state_dict(state["optimiser"])
        self._schedule.load_state_dict(state["schedule"])
        self._order.set_state(state["order"])
        self._random.set_state(state["random"])
        self._best, self._least, self._done = state["best"], state["least"], state["done"]
        self.epochs_done = [Epoch(**epoch) for epoch in state["epochs"]]


def logits(network: nn.Module, volumes: Tensor) -> Scores:
    """Scores of prepared volumes (n, sequences, z, y, x), before the logistic function.

    Returns
    -------
    (n,) or, of a network that outlines, (n, z, y, x) float64
    """
    network.eval()
    device = next(network.parameters()).device
    with torch.inference_mode():
        parts = [network(part.to(device)) for part in torch.split(volumes, _AT_ONCE)]
    scores: Scores = torch.cat(parts).double().cpu().numpy()
    return scores


def cross_entropy(network: nn.Module, cases: Cases) -> float:
    """Mean binary cross entropy of a network's scores with the classes."""
    scores = torch.from_numpy(logits(network, cases.volumes))
    return float(functional.binary_cross_entropy_with_logits(scores, cases.positive.double()))


def cases(volumes: np.ndarray, positive: npt.NDArray[np.bool_] | npt.NDArray[np.float32]) -> Cases:
    """Prepared volumes and their classes, NaN where one is not known, as a trainer wants them."""
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


def _fingerprint(*sets: Cases) -> str:
    """Tells cases apart without reading every voxel: shapes, classes, and the sum of each volume."""
    hashed = hashlib.sha256()
    for one in sets:
        hashed.update(repr(tuple(one.volumes.shape)).encode())
        hashed.update(one.positive.numpy().tobytes())
        hashed.update(one.volumes.sum((2, 3, 4), dtype=torch.float64).numpy().tobytes())
    return hashed.hexdigest()


@contextmanager
def _reproducible(device: str) -> Iterator[None]:
    """To the bit on a CPU; CUDA has no such form of every step a network takes."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(device == "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
