from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from dicomnode_plugins._learning.overlap import Overlap
from dicomnode_plugins._learning.training import Cases

SHAPE = (2, 4, 4)


class Saying(nn.Module):
    """A network whose logits are what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, volumes: Tensor) -> Tensor:
        return volumes[:, 0] * self.weight


def shown(logits: Tensor, masks: Tensor) -> Tensor:
    return torch.stack([logits, masks], 1)


def masks() -> Tensor:
    """Two exams: four voxels of the first are of a lesion, none of the second."""
    inside = torch.zeros(2, *SHAPE)
    inside[0, 0, :2, :2] = 1
    return inside


def lowered(logits: Tensor) -> float:
    loss: Tensor = Overlap()(Saying(), shown(logits, masks()), torch.zeros(2), torch.Generator())
    return float(loss.detach())


def test_what_is_right_and_certain_costs_nothing_and_its_opposite_the_most() -> None:
    certain = (2 * masks() - 1) * 30
    assert lowered(certain) == pytest.approx(0, abs=1e-5)
    voxels = math.prod(SHAPE)
    # all wrong: cross entropy 30 everywhere; Dice 1 - 1/(28 + 4 + 1) of the first, 1 - 1/(32 + 1) of the second
    assert lowered(-certain) == pytest.approx(30 + 1 - 1 / (voxels + 1), rel=1e-5)


def test_undecided_costs_what_both_terms_say() -> None:
    # s = 0.5 everywhere: 2 * 2 / (8 + 4) with one added to both, and nothing of 8
    dice = 1 - (((2 * 2 + 1) / (8 + 4 + 1)) + 1 / (8 + 1)) / 2
    assert lowered(torch.zeros(2, *SHAPE)) == pytest.approx(dice + math.log(2), rel=1e-5)


def test_it_is_judged_by_the_overlap_where_there_is_a_lesion() -> None:
    said = (2 * masks() - 1) * 3
    said[0, 0, 0, 0] = -1  # one of four missed: DSC 6/7
    said[1] = 3  # a lesion in an exam without one changes nothing here
    cases = Cases(volumes=shown(said, masks()), positive=torch.tensor([1.0, 0.0]), masks=1)
    assert Overlap().judge(Saying(), cases) == pytest.approx(1 / 7)
