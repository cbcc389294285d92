"""The networks a model may be made of, by the name its card gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from torch import nn

from dicomnode_plugins._learning.densenet import DENSENET_121, SMALL, DenseNet3D
from dicomnode_plugins._learning.resnet import ResNet34
from dicomnode_plugins._learning.unet import SMALL as SMALL_UNET
from dicomnode_plugins._learning.unet import UNET, UNet3D

ARCHITECTURES: Mapping[str, Callable[[int], nn.Module]] = MappingProxyType(
    {
        "densenet121": lambda inputs: DenseNet3D(replace(DENSENET_121, inputs=inputs)),
        "densenet-small": lambda inputs: DenseNet3D(replace(SMALL, inputs=inputs)),
        "resnet34": ResNet34,
        "unet": lambda inputs: UNet3D(replace(UNET, inputs=inputs)),
        "unet-small": lambda inputs: UNet3D(replace(SMALL_UNET, inputs=inputs)),
    }
)

CROPS: Mapping[str, str] = MappingProxyType(
    {"densenet121": "wide", "densenet-small": "narrow", "resnet34": "wide", "unet": "wide", "unet-small": "narrow"}
)
"""Which of the prepared crops an architecture sees."""

OUTLINING = frozenset({"unet", "unet-small"})
"""Those that say something of every voxel; the others speak of the exam as a whole."""


def network(architecture: str, inputs: int = 1) -> nn.Module:
    """A network with fresh weights.

    Parameters
    ----------
    inputs : int
        Sequences it sees at once.

    Raises
    ------
    ValueError
        When there is no such architecture.
    """
    if architecture not in ARCHITECTURES:
        raise ValueError(f"no architecture is called {architecture!r}; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[architecture](inputs)
