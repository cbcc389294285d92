"""What a network says of one prepared exam: its probability, how far small changes move it, and where it looks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dicomnode.sdk import Model
from dicomnode.sdk.model import Weights
from dicomnode_plugins._learning import networks, weights
from dicomnode_plugins._learning.attention import explained
from dicomnode_plugins._learning.densenet import DenseNet3D
from dicomnode_plugins._learning.nasopharynx import CROPS, Crop
from dicomnode_plugins._learning.unet import UNet3D

_GAIN, _OFFSET = 1.05, 0.05
_VIEWS = 7
_SMALL = 50_000  # voxels; each view of a larger crop costs a good part of a second


class UnknownArchitecture(ValueError):
    """The card names a network that is not here."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """One network on one exam."""

    probability: float
    """0 to 1, of the exam as it is."""
    spread: float
    """Standard deviation over the exam as it is and views of it that should change nothing: mirrored; and, where the
    network is small, shifted by a voxel either way, brighter and lifted."""
    attention: npt.NDArray[np.float32]
    """(z, y, x) of the crop, 0 to 1."""


def crop_of(model: Model) -> Crop:
    """The crop that a model sees.

    Raises
    ------
    UnknownArchitecture
        When its card names no network that is here.
    """
    if model.architecture not in networks.CROPS:
        there = ", ".join(networks.CROPS)
        raise UnknownArchitecture(f"no architecture is called {model.architecture!r}; there are {there}")
    return CROPS[networks.CROPS[model.architecture]]


def loaded(model: Model, name: str, inputs: int = 1) -> DenseNet3D:
    """One of a model's networks with its weights, which are held against the card's digest.

    Raises
    ------
    UnknownArchitecture
        As :func:`crop_of`.
    dicomnode_plugins._learning.weights.WeightsRefused
        When the file is not what the card says.
    """
    crop_of(model)
    return network_with(model.architecture, model.files[name], inputs)


def network_with(architecture: str, entry: Weights, inputs: int = 1) -> DenseNet3D:
    """A network of a known architecture with the weights of a file, as :func:`loaded`."""
    with torch.device("meta"):  # the weights come from the file: none are drawn
        network = networks.network(architecture, inputs)
    if not isinstance(network, DenseNet3D):
        raise UnknownArchitecture(f"{architecture} cannot show where it looks: take a densenet")
    weights.load(network, entry.path, entry.sha256)
    return network.eval()


def outline(model: Model, name: str, volumes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """For every voxel of a prepared exam (sequences, z, y, x) the probability that it is of the lesion, (z, y, x).

    Raises
    ------
    UnknownArchitecture, dicomnode_plugins._learning.weights.WeightsRefused
        As :func:`loaded`.
    """
    crop_of(model)
    with torch.device("meta"):
        network = networks.network(model.architecture, len(volumes))
    if not isinstance(network, UNet3D):
        raise UnknownArchitecture(f"{model.architecture} outlines nothing: take a unet")
    weights.load(network, model.files[name].path, model.files[name].sha256)
    with torch.inference_mode():
        found: npt.NDArray[np.float32] = torch.sigmoid(network.eval()(torch.from_numpy(volumes)[None]))[0].numpy()
    return found


def score(network: DenseNet3D, volume: npt.NDArray[np.float32]) -> Score:
    """Judge a prepared volume (z, y, x), or several sequences of it (sequences, z, y, x)."""
    given = torch.from_numpy(np.ascontiguousarray(volume))
    whole = given[None, None] if given.ndim == 3 else given[None]
    logit, attention = explained(network, whole)
    views = _VIEWS if whole[0, 0].numel() <= _SMALL else 1
    with torch.inference_mode():
        others = network(torch.cat([*islice(_changed(whole), views)]))
    seen = torch.sigmoid(torch.cat([torch.tensor([logit]), others]).double())
    return Score(probability=float(seen[0]), spread=float(seen.std(correction=0)), attention=attention.numpy())


def exactly(network: DenseNet3D, volume: npt.NDArray[np.float32]) -> float:
    """The probability in double precision, for a score that lies next to a cut-off; the network stays double."""
    network.double()
    with torch.inference_mode():
        return float(torch.sigmoid(network(torch.from_numpy(volume).double()[None, None]))[0])


def _changed(volume: Tensor) -> Iterator[Tensor]:
    """Changes that leave the answer as it should be."""
    yield volume.flip(-1)
    for step in (1, -1):
        yield volume.roll(step, -1)
        yield volume.roll(step, -2)
    yield volume * _GAIN
    yield volume + _OFFSET
