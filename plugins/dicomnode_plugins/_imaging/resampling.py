"""Bring a volume onto another grid through a motion, once and linearly."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Array, Image, Values, shrink


def resampled(moving: Volume, affine: Array, shape: tuple[int, ...], matrix: Array) -> Values:
    """Values of a volume at the voxels of a grid; 0 where it has none.

    A volume that is much finer than the grid is averaged over whole blocks first, so that no detail is skipped.

    Parameters
    ----------
    affine : (4, 4)
        Of the wanted grid, from voxel (x, y, z, 1) to LPS, mm.
    shape : (slices, rows, columns)
    matrix : (4, 4)
        From the grid's patient coordinates to those of the volume, LPS mm.
    """
    spacing = float(np.linalg.norm(affine[:3, :3], axis=0).min())
    image = shrink(Image.of(moving), spacing)
    to_voxel = np.linalg.inv(image.affine) @ matrix @ affine
    # Array axes are z, y, x: both sides of the matrix are turned round.
    linear, offset = to_voxel[2::-1, 2::-1], to_voxel[2::-1, 3]
    values: Values = ndimage.affine_transform(
        image.values, linear, offset, output_shape=shape, output=np.float32, order=1, mode="constant"
    )
    return values


def onto(fixed: Volume, moving: Volume, matrix: Array) -> Values:
    """A moving volume on the grid of a fixed one, through the matrix between their patient coordinates."""
    return resampled(moving, fixed.affine, fixed.array.shape, matrix)
