from __future__ import annotations

import torch
from monai.networks.nets import resnet34

from dicomnode_plugins._learning.resnet import ResNet34


def test_weights_of_monais_resnet34_fit_and_give_its_output() -> None:
    torch.manual_seed(1)
    theirs = resnet34(spatial_dims=3, n_input_channels=1, num_classes=1).eval()
    ours = ResNet34().eval()
    ours.load_state_dict(theirs.state_dict())
    volume = torch.randn(1, 1, 12, 24, 24)
    with torch.inference_mode():
        torch.testing.assert_close(ours(volume), theirs(volume)[:, 0], rtol=1e-4, atol=1e-5)
