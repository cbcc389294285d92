from __future__ import annotations

import torch

from dicomnode_plugins._learning.attention import grad_cam
from dicomnode_plugins._learning.densenet import DenseNet3D, Layout


def network_that_looks_for_brightness() -> DenseNet3D:
    network = DenseNet3D(Layout(stem=2, growth=2, blocks=(1,), kernel=(1, 1, 1), stride=(1, 1, 1), pool=(1, 1, 1)))
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        network.features.conv0.weight[0] = 1.0
        for norm in (network.features.norm0, network.features.norm2):
            norm.weight[0] = 1.0
        network.class_layers.out.weight[0, 0] = 1.0
    return network


def test_attention_lies_where_the_signal_is() -> None:
    volume = torch.zeros(1, 1, 6, 8, 10)
    volume[0, 0, 2, 5, 7] = 3.0
    attention = grad_cam(network_that_looks_for_brightness(), volume)
    assert attention.shape == (6, 8, 10)
    assert torch.nonzero(attention).tolist() == [[2, 5, 7]]
    assert attention.max() == 1.0


def test_nothing_speaks_for_it_where_there_is_nothing() -> None:
    assert grad_cam(network_that_looks_for_brightness(), torch.zeros(1, 1, 4, 4, 4)).max() == 0.0
