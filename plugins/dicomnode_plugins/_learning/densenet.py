"""3D DenseNet in plain torch; its weights carry the names MONAI gives them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

_BOTTLENECK = 4
Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What makes one DenseNet differ from another; the defaults are DenseNet-121 (Huang 2017, Table 1) in 3D."""

    inputs: int = 1
    """Channels: one for each sequence the network sees."""
    stem: int = 64
    growth: int = 32
    blocks: tuple[int, ...] = (6, 12, 24, 16)
    kernel: Triple = (7, 7, 7)
    """Of the first convolution, (z, y, x)."""
    stride: Triple = (2, 2, 2)
    pool: Triple = (3, 3, 3)
    """Window of the first maximum; its stride is that of ``stride``."""
    maximum: bool = False
    """Give the head the maximum of each feature beside its mean: a small lesion drowns in a mean."""


DENSENET_121 = Layout()
SMALL = Layout(stem=16, growth=8, blocks=(2, 3, 3), kernel=(3, 5, 5), stride=(1, 2, 2), pool=(1, 2, 2), maximum=True)
"""65,000 parameters; trains on a phantom in minutes without an accelerator."""


class DenseNet3D(nn.Module):
    """One logit from a volume.

    Input (n, inputs, z, y, x) float32, output (n,) float32. ``features`` ends with the last normalisation; what
    follows is ReLU, pooling over all voxels and one linear layer.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        padding = _triple(size // 2 for size in layout.kernel)
        parts["conv0"] = nn.Conv3d(layout.inputs, layout.stem, layout.kernel, layout.stride, padding, bias=False)
        parts["norm0"], parts["relu0"] = nn.BatchNorm3d(layout.stem), nn.ReLU(inplace=True)
        parts["pool0"] = nn.MaxPool3d(layout.pool, layout.stride, _triple((size - 1) // 2 for size in layout.pool))
        channels = layout.stem
        for number, layers in enumerate(layout.blocks, start=1):
            parts[f"denseblock{number}"] = _block(channels, layers, layout.growth)
            channels += layers * layout.growth
            if number < len(layout.blocks):
                parts[f"transition{number}"] = _transition(channels)
                channels //= 2
        parts[f"norm{len(layout.blocks) + 1}"] = nn.BatchNorm3d(channels)
        self.layout = layout
        self.features = nn.Sequential(parts)
        self.width = channels * (2 if layout.maximum else 1)
        self.class_layers = nn.Sequential(OrderedDict(out=nn.Linear(self.width, 1)))

    def embed(self, volume: Tensor) -> Tensor:
        """What the head sees: (n, width)."""
        return self.pooled(self.features(volume.contiguous(memory_format=torch.channels_last_3d)))

    def pooled(self, features: Tensor) -> Tensor:
        """From feature maps (n, channels, z, y, x) to (n, width)."""
        active = functional.relu(features)
        mean = active.mean((2, 3, 4))
        return torch.cat([mean, active.amax((2, 3, 4))], 1) if self.layout.maximum else mean

    def forward(self, volume: Tensor) -> Tensor:
        """Logits (n,)."""
        logits: Tensor = self.class_layers(self.embed(volume))
        return logits.squeeze(1)


class _Layer(nn.Module):
    """Adds ``growth`` channels, computed from all it gets, to what it gets."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        wide = _BOTTLENECK * growth
        self.layers = nn.Sequential(
            OrderedDict(
                norm1=nn.BatchNorm3d(channels),
                relu1=nn.ReLU(inplace=True),
                conv1=nn.Conv3d(channels, wide, 1, bias=False),
                norm2=nn.BatchNorm3d(wide),
                relu2=nn.ReLU(inplace=True),
                conv2=nn.Conv3d(wide, growth, 3, padding=1, bias=False),
            )
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.layers(features)], 1)


def _triple(sizes: Iterable[int]) -> Triple:
    depth, rows, columns = sizes
    return depth, rows, columns


def _block(channels: int, layers: int, growth: int) -> nn.Sequential:
    named = {f"denselayer{n + 1}": _Layer(channels + n * growth, growth) for n in range(layers)}
    return nn.Sequential(OrderedDict(named))


def _transition(channels: int) -> nn.Sequential:
    """Half the channels, half the voxels along each axis."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm3d(channels),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv3d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool3d(2),
        )
    )
