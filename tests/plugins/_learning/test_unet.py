"""The U-Net keeps the size of what it sees, learns in its own weights alone, and is small where it must be."""

from __future__ import annotations

import pytest
import torch

from dicomnode_plugins._learning.unet import SMALL, UNET, Layout, UNet3D


@pytest.mark.parametrize("shape", [(14, 40, 40), (5, 9, 11), (1, 7, 6)])
def test_every_voxel_gets_a_logit_whatever_the_size(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = UNet3D(SMALL)
    assert network(torch.randn(2, 1, *shape)).shape == (2, *shape)


def test_the_small_form_is_small_and_the_large_one_has_four_stages() -> None:
    assert sum(parameter.numel() for parameter in UNet3D(SMALL).parameters()) == 84_537
    assert len(UNet3D(UNET).down) == 4


def test_it_begins_by_saying_that_few_voxels_are_of_a_tumour() -> None:
    torch.manual_seed(0)
    said = torch.sigmoid(UNet3D(SMALL).eval()(torch.randn(1, 1, 8, 16, 16)))
    assert float(said.detach().mean()) < 0.1


def test_every_parameter_learns_and_what_is_skipped_reaches_the_end() -> None:
    torch.manual_seed(0)
    network = UNet3D(Layout(widths=(4, 8), kernels=((1, 3, 3), (3, 3, 3)), strides=((1, 2, 2),)))
    network(torch.randn(2, 1, 4, 8, 8)).square().mean().backward()
    still = [name for name, parameter in network.named_parameters() if not parameter.grad.abs().sum() > 0]  # type: ignore[union-attr]
    assert still == []
    assert network.up[0].conv1.in_channels == 12
