"""A neck that nods between two images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Image


def flexed(volume: Volume, degrees: float) -> Volume:
    """The neck nods forward below z = -30 mm, growing with the square to ``degrees`` at -120 mm, about y = 40 mm."""
    x, y, z = Image.of(volume).places(np.indices(volume.array.shape)[::-1].reshape(3, -1).astype(float))
    turn = np.deg2rad(degrees) * np.clip((-30 - z) / 90, 0, 1) ** 2
    y, z = y - 40, z + 30
    places = np.stack([x, 40 + np.cos(turn) * y - np.sin(turn) * z, -30 + np.sin(turn) * y + np.cos(turn) * z])
    inverse = np.linalg.inv(volume.affine)
    voxels = inverse[:3, :3] @ places + inverse[:3, 3:]
    values = ndimage.map_coordinates(volume.array, voxels[::-1], order=1)
    return replace(volume, array=values.reshape(volume.array.shape).astype(np.float32))
