"""Residual 3D U-Net in plain torch: a logit for every voxel of a crop."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

Triple = tuple[int, int, int]

_IN_PLANE: Triple = (1, 3, 3)
_CUBE: Triple = (3, 3, 3)
_RARE = -3.0
"""Logit that the head begins with: few voxels are of a tumour, and 0 would teach that first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What makes one U-Net differ from another."""

    inputs: int = 1
    """Channels: one for each sequence the network sees."""
    widths: tuple[int, ...] = (24, 48, 96, 192)
    """Channels of each stage; the first has the voxels of the crop."""
    kernels: tuple[Triple, ...] = (_IN_PLANE, _CUBE, _CUBE, _CUBE)
    """Of each stage, (z, y, x): in plane as long as slices lie farther apart than pixels (Isensee 2021, nnU-Net)."""
    strides: tuple[Triple, ...] = ((1, 2, 2), (2, 2, 2), (2, 2, 2))
    """From each stage to the next."""


UNET = Layout()
SMALL = Layout(widths=(8, 16, 32), kernels=(_IN_PLANE, _CUBE, _CUBE), strides=((1, 2, 2), (2, 2, 2)))
"""85,000 parameters; trains on a phantom in minutes without an accelerator."""


class UNet3D(nn.Module):
    """U-Net (Ronneberger 2015; in 3D Cicek 2016) of residual units (He 2016), two convolutions each.

    Input (n, inputs, z, y, x) float32, output (n, z, y, x) float32. Any size: what a stride does not divide is
    interpolated back to the size it had.
    """

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.layout = layout
        widths, kernels = layout.widths, layout.kernels
        entering = (layout.inputs, *widths[:-1])
        strides = ((1, 1, 1), *layout.strides)
        self.down = nn.ModuleList(map(_Residual, entering, widths, kernels, strides))
        self.up = nn.ModuleList(
            _Residual(above + below, above, kernel, (1, 1, 1))
            for above, below, kernel in zip(widths[:-1], widths[1:], kernels[:-1], strict=True)
        )
        self.head = nn.Conv3d(widths[0], 1, 1)
        nn.init.constant_(self.head.bias, _RARE)  # type: ignore[arg-type]

    def forward(self, volume: Tensor) -> Tensor:
        """Logits (n, z, y, x)."""
        features = volume.contiguous(memory_format=torch.channels_last_3d)
        passed = []
        for stage in self.down:
            features = stage(features)
            passed.append(features)
        for stage, skipped in zip(reversed(self.up), reversed(passed[:-1]), strict=True):
            back = functional.interpolate(features, skipped.shape[2:], mode="trilinear", align_corners=False)
            features = stage(torch.cat([skipped, back], 1))
        logits: Tensor = self.head(features)
        return logits.squeeze(1)


class _Residual(nn.Module):
    def __init__(self, channels: int, width: int, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        depth, rows, columns = kernel
        padding = (depth // 2, rows // 2, columns // 2)
        self.conv1 = nn.Conv3d(channels, width, kernel, stride, padding, bias=False)
        self.norm1 = nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, kernel, 1, padding, bias=False)
        self.norm2 = nn.BatchNorm3d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride != (1, 1, 1) or channels != width:
            self.shortcut = nn.Sequential(nn.Conv3d(channels, width, 1, stride, bias=False), nn.BatchNorm3d(width))

    def forward(self, features: Tensor) -> Tensor:
        inner = functional.relu(self.norm1(self.conv1(features)))
        return functional.relu(self.norm2(self.conv2(inner)) + self.shortcut(features))
