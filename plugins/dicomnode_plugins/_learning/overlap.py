"""What a training of outlines lowers, and what it is judged by: overlap with the outline of an expert."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode_plugins._learning.training import Cases, logits

_EMPTY = 1.0
"""Voxels added above and below, so that an exam without lesion has a Dice loss too."""


class Overlap(nn.Module):
    """Soft Dice (Milletari 2016, squared denominator) and binary cross entropy, each over a whole exam, in equal parts.

    Of the volumes (n, sequences + 1, z, y, x) the last channel is the mask, 0 or 1. An exam without lesion has an
    empty one: it teaches silence.
    """

    @property
    def said(self) -> dict[str, Any]:
        """What a training that is gone on with must share."""
        return {"objective": "dice and cross entropy"}

    def forward(self, network: nn.Module, volumes: Tensor, _positive: Tensor, _random: torch.Generator) -> Tensor:
        """The loss of one step."""
        scores, wanted = network(volumes[:, :-1]), volumes[:, -1]
        said = torch.sigmoid(scores)
        both = (said * wanted).sum((1, 2, 3))
        either = (said**2).sum((1, 2, 3)) + (wanted**2).sum((1, 2, 3))
        dice = 1 - (2 * both + _EMPTY) / (either + _EMPTY)
        return dice.mean() + functional.binary_cross_entropy_with_logits(scores, wanted)

    def judge(self, network: nn.Module, cases: Cases) -> float:
        """1 less the mean DSC at 0.5 over the exams that have a lesion."""
        ill = cases.positive > 0
        inside = torch.from_numpy(logits(network, cases.volumes[ill, :-1]) > 0)
        wanted = cases.volumes[ill, -1] > 0
        both = (inside & wanted).sum((1, 2, 3))
        return 1 - float((2 * both / (inside.sum((1, 2, 3)) + wanted.sum((1, 2, 3)))).double().mean())
