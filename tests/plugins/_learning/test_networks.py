from __future__ import annotations

import pytest
import torch

from dicomnode_plugins._learning.networks import ARCHITECTURES, network


@pytest.mark.parametrize("inputs", [1, 2])
@pytest.mark.parametrize("architecture", sorted(ARCHITECTURES))
def test_it_sees_as_many_sequences_as_it_is_made_for(architecture: str, inputs: int) -> None:
    first = next(module for module in network(architecture, inputs).modules() if isinstance(module, torch.nn.Conv3d))
    assert first.in_channels == inputs


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(ValueError, match="no architecture is called 'vgg'; there are densenet121"):
        network("vgg")
