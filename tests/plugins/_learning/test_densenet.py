from __future__ import annotations

import pytest
import torch
from monai.networks.nets import DenseNet121

from dicomnode_plugins._learning.densenet import DENSENET_121, SMALL, DenseNet3D, Layout


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_weights_of_monais_densenet121_fit_and_give_its_output() -> None:
    torch.manual_seed(1)
    theirs = DenseNet121(spatial_dims=3, in_channels=1, out_channels=1).eval()
    ours = DenseNet3D(DENSENET_121).eval()
    ours.load_state_dict(theirs.state_dict())
    volume = torch.randn(1, 1, 32, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(ours(volume), theirs(volume)[:, 0], rtol=1e-4, atol=1e-5)
    assert parameters(ours) == 11_243_649


def test_the_small_form_is_small() -> None:
    assert parameters(DenseNet3D(SMALL)) < 70_000


@pytest.mark.parametrize("layout", [SMALL, Layout(inputs=2, stem=8, growth=4, blocks=(1, 1))])
def test_one_logit_a_volume_whatever_its_size(layout: Layout) -> None:
    network = DenseNet3D(layout).eval()
    for size in [(14, 40, 40), (17, 43, 39)]:
        assert network(torch.randn(3, layout.inputs, *size)).shape == (3,)


def test_a_bright_spot_reaches_the_head_through_the_maximum() -> None:
    network = DenseNet3D(SMALL).eval()
    features = torch.zeros(1, network.features[-1].num_features, 4, 8, 8)
    features[0, 0, 1, 2, 3] = 6.0
    pooled = network.pooled(features)[0]
    half = len(pooled) // 2
    assert (pooled[0].item(), pooled[half].item()) == pytest.approx((6.0 / 256, 6.0))
