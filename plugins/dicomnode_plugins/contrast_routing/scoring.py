"""The score of an exam: the networks on the exam and on shifted copies of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy.special import expit

from dicomnode.sdk.model import Model, Weights
from dicomnode_plugins._learning.densenet import DenseNet3D
from dicomnode_plugins._learning.scoring import crop_of, network_with
from dicomnode_plugins._learning.tiers import combined
from dicomnode_plugins._learning.training import logits
from dicomnode_plugins.contrast_routing.decision import Score

SEQUENCES = ("t1", "t2")
JOINT = "t1_t2"
"""A network that sees both; where the model has one, it alone is asked."""
_SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
"""Voxels along rows and columns: the exam as it is, and as if the landmark lay beside."""

Values = npt.NDArray[np.float32]


def warm(models: Mapping[str, Model]) -> None:
    """Load the networks of the models that fill the plugin's slots, before a process is forked for an exam."""
    for model in models.values():
        _networks(model)


def _networks(model: Model) -> dict[str, DenseNet3D]:
    """Those that are asked, each with what its input is called."""
    crop_of(model)
    asked = {JOINT: len(SEQUENCES)} if JOINT in model.files else dict.fromkeys(SEQUENCES, 1)
    return {name: _network(model.architecture, model.files[name], inputs) for name, inputs in asked.items()}


@lru_cache(maxsize=8)
def _network(architecture: str, entry: Weights, inputs: int) -> DenseNet3D:
    return network_with(architecture, entry, inputs)


def score(model: Model, volumes: Mapping[str, Values]) -> tuple[Score, dict[str, float]]:
    """p(T1_T2) of prepared volumes (z, y, x), its spread over the shifted copies, and p of each sequence by itself.

    Raises
    ------
    dicomnode_plugins._learning.scoring.UnknownArchitecture
        When the model's card names no network that is here.
    dicomnode_plugins._learning.weights.WeightsRefused
        When weights are not what the model's card says.
    """
    networks = _networks(model)
    copies = np.stack([[np.roll(volumes[name], shift, axis=(1, 2)) for name in SEQUENCES] for shift in _SHIFTS])
    if JOINT in networks:
        both = expit(logits(networks[JOINT], torch.from_numpy(copies)))
        each: dict[str, float] = {}
    else:
        chances = [
            expit(logits(networks[name], torch.from_numpy(copies[:, n : n + 1]))) for n, name in enumerate(SEQUENCES)
        ]
        both = np.array([combined(float(t1), float(t2)) for t1, t2 in zip(*chances, strict=True)])
        each = {name: float(values[0]) for name, values in zip(SEQUENCES, chances, strict=True)}
    return Score(probability=float(both[0]), spread=float(both.max() - both.min())), each
