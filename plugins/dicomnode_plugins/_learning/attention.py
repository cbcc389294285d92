"""Grad-CAM: where in the volume a DenseNet found what it says."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dicomnode_plugins._learning.densenet import DenseNet3D


def grad_cam(network: DenseNet3D, volume: Tensor) -> Tensor:
    """Where in a volume the network found what it says; the second of :func:`explained`."""
    return explained(network, volume)[1]


def explained(network: DenseNet3D, volume: Tensor) -> tuple[float, Tensor]:
    """The network's logit and its reason, from one pass.

    Class activation by gradients (Selvaraju 2017, equations 1 and 2) at the features after the last normalisation.

    Parameters
    ----------
    volume : (1, inputs, z, y, x) float32

    Returns
    -------
    logit : float
    attention : (z, y, x) float32
        0 to 1, the largest value 1; all 0 where nothing speaks for the positive class.
    """
    network.eval()
    with torch.no_grad():
        maps = network.features(volume.contiguous(memory_format=torch.channels_last_3d))
    maps = maps.requires_grad_()
    logit = network.class_layers(network.pooled(maps))
    (gradient,) = torch.autograd.grad(logit.sum(), maps)
    weights = gradient.mean((2, 3, 4), keepdim=True)
    speaking = functional.relu((weights * maps.detach()).sum(1, keepdim=True))
    attention = functional.interpolate(speaking, size=volume.shape[2:], mode="trilinear", align_corners=False)[0, 0]
    peak = attention.max()
    return float(logit.detach()), attention / peak if peak > 0 else attention
