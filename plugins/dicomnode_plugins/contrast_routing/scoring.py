"""The score of an exam: both networks on the exam and on shifted copies of it."""

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
_SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
"""Voxels along rows and columns: the exam as it is, and as if the landmark lay beside."""

Values = npt.NDArray[np.float32]


@lru_cache(maxsize=8)
def _network(architecture: str, entry: Weights) -> DenseNet3D:
    return network_with(architecture, entry)


def warm(models: Mapping[str, Model]) -> None:
    """Load the networks of the models that fill the plugin's slots, before a process is forked for an exam."""
    for model in models.values():
        crop_of(model)
        for sequence in SEQUENCES:
            _network(model.architecture, model.files[sequence])


def score(model: Model, volumes: Mapping[str, Values]) -> tuple[Score, dict[str, float]]:
    """p(T1_T2) of prepared volumes (z, y, x), its spread over the shifted copies, and p of each sequence.

    Raises
    ------
    dicomnode_plugins._learning.scoring.UnknownArchitecture
        When the model's card names no network that is here.
    dicomnode_plugins._learning.weights.WeightsRefused
        When weights are not what the model's card says.
    """
    crop_of(model)
    chances: dict[str, npt.NDArray[np.float64]] = {}
    for sequence in SEQUENCES:
        network = _network(model.architecture, model.files[sequence])
        copies = np.stack([np.roll(volumes[sequence], shift, axis=(1, 2))[None] for shift in _SHIFTS])
        chances[sequence] = expit(logits(network, torch.from_numpy(copies)))
    both = [combined(float(t1), float(t2)) for t1, t2 in zip(chances["t1"], chances["t2"], strict=True)]
    each = {sequence: float(values[0]) for sequence, values in chances.items()}
    return Score(probability=both[0], spread=max(both) - min(both)), each
