"""Grad-CAM: where in the volume a DenseNet found what it says."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dicomnode_plugins._learning.densenet import DenseNet3D


def grad_cam(network: DenseNet3D, volume: Tensor) -> Tensor:
    """Class activation by gradients (Selvaraju 2017, equations 1 and 2) at the features after the last normalisation.

    Parameters
    ----------
    volume : (1, inputs, z, y, x) float32

    Returns
    -------
    (z, y, x) float32
        0 to 1, the largest value 1; all 0 where nothing speaks for the positive class.
    """
    network.eval()
    maps = network.features(volume).detach().requires_grad_()
    logit = network.class_layers(network.pooled(maps))
    (gradient,) = torch.autograd.grad(logit.sum(), maps)
    weights = gradient.mean((2, 3, 4), keepdim=True)
    speaking = functional.relu((weights * maps.detach()).sum(1, keepdim=True))
    attention = functional.interpolate(speaking, size=volume.shape[2:], mode="trilinear", align_corners=False)[0, 0]
    peak = attention.max()
    return attention / peak if peak > 0 else attention
