"""3D ResNet-34 in plain torch, the other network of DARNDEST; its weights carry the names MONAI gives them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_WIDTHS = (64, 128, 256, 512)
_BLOCKS = (3, 4, 6, 3)


class ResNet34(nn.Module):
    """One logit from a volume: input (n, inputs, z, y, x) float32, output (n,) float32 (He 2016, Table 1, in 3D)."""

    def __init__(self, inputs: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, _WIDTHS[0], 7, padding=3, bias=False)
        self.bn1 = nn.BatchNorm3d(_WIDTHS[0])
        channels = _WIDTHS[0]
        for number, (width, blocks) in enumerate(zip(_WIDTHS, _BLOCKS, strict=True), start=1):
            first = _Block(channels, width, stride=1 if number == 1 else 2)
            rest = [_Block(width, width, stride=1) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
            channels = width
        self.fc = nn.Linear(channels, 1)

    def features(self, volume: Tensor) -> Tensor:
        """Feature maps (n, 512, z', y', x')."""
        start = volume.contiguous(memory_format=torch.channels_last_3d)
        maps = functional.max_pool3d(functional.relu(self.bn1(self.conv1(start))), 3, 2, 1)
        for number in range(1, len(_WIDTHS) + 1):
            maps = self.get_submodule(f"layer{number}")(maps)
        return maps

    def forward(self, volume: Tensor) -> Tensor:
        """Logits (n,)."""
        logits: Tensor = self.fc(self.features(volume).mean((2, 3, 4)))
        return logits.squeeze(1)


class _Block(nn.Module):
    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(nn.Conv3d(channels, width, 1, stride), nn.BatchNorm3d(width))

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.relu(self.bn1(self.conv1(features)))
        return functional.relu(self.bn2(self.conv2(inner)) + self.downsample(features))
