"""Random changes of training volumes that leave their class as it is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_TILT = 0.06
_SHIFT = 0.05
_GAIN = 0.1
_OFFSET = 0.1
_NOISE = 0.05


def augment(volumes: Tensor, generator: torch.Generator, masks: int = 0) -> Tensor:
    """One affine (RandomAffine of DARNDEST), mirror, gain and noise for each case, the same affine for its sequences.

    Parameters
    ----------
    volumes : (n, sequences, z, y, x) float32
        Prepared: mean 0 and spread 1 inside the body. The last axis runs left to right, so it may be mirrored.
    masks : int
        How many of the last channels are masks: they move with the images, and change in no other way.
    """
    cases, sequences = len(volumes), volumes.shape[1] - masks

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=volumes.device)

    affine = torch.eye(3, device=volumes.device).repeat(cases, 1, 1) + _TILT * drawn(cases, 3, 3)
    mirrored = torch.rand(cases, generator=generator, device=volumes.device) < 0.5
    affine[mirrored, 0] *= -1
    matrix = torch.cat([affine, _SHIFT * drawn(cases, 3, 1)], 2)
    places = functional.affine_grid(matrix, list(volumes.shape), align_corners=False)
    moved = functional.grid_sample(volumes[:, :sequences], places, padding_mode="border", align_corners=False)
    each = (cases, sequences, 1, 1, 1)
    changed = moved * (1 + _GAIN * drawn(*each)) + _OFFSET * drawn(*each) + _NOISE * drawn(*moved.shape)
    if not masks:
        return changed
    nearest = functional.grid_sample(volumes[:, sequences:], places, mode="nearest", align_corners=False)
    return torch.cat([changed, nearest], 1)
