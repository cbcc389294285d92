"""Shapes in axial planes, measured in millimetres."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Spacing


def depth(mask: Mask, spacing: Spacing) -> FloatArray:
    """Distance, mm, of each voxel from the nearest one outside the mask in its own plane; 0 outside."""
    far = np.zeros(mask.shape, np.float32)
    for plane, out in zip(mask, far, strict=True):
        if plane.all():
            out[:] = np.inf
        elif plane.any():
            rows, columns = (np.flatnonzero(plane.any(axis)) for axis in (1, 0))
            # A margin of one voxel, where the picture has one, holds the nearest voxels outside.
            box = tuple(slice(max(int(v[0]) - 1, 0), int(v[-1]) + 2) for v in (rows, columns))
            part = np.pad(plane[box], 1, mode="edge")
            inside = ndimage.distance_transform_edt(part, sampling=spacing[1:]) if not part.all() else part * np.inf
            out[box] = inside[1:-1, 1:-1]
    return far


def eroded(mask: Mask, width: float, spacing: Spacing) -> Mask:
    """The mask without its rim of a width, mm."""
    return depth(mask, spacing) > width


def widened(mask: Mask, width: float, spacing: Spacing) -> Mask:
    """The mask and all within a distance, mm, in the same plane."""
    return depth(~mask, spacing) <= width


def opened(mask: Mask, width: float, spacing: Spacing) -> Mask:
    """The mask without parts narrower than twice a width, mm."""
    return mask & widened(eroded(mask, width, spacing), width, spacing)


def closed(mask: Mask, width: float, spacing: Spacing) -> Mask:
    """The mask with gaps narrower than twice a width, mm, and holes filled."""
    wide = np.stack([ndimage.binary_fill_holes(plane) for plane in widened(mask, width, spacing)])
    return mask | eroded(wide, width, spacing)


def largest(mask: Mask, weight: FloatArray | None = None) -> Mask:
    """The connected part with most voxels, or most weight; empty for an empty mask."""
    labels, _ = ndimage.label(mask)
    totals = np.bincount(labels.ravel(), None if weight is None else weight.ravel())
    totals[0] = -np.inf if totals.dtype.kind == "f" else 0
    best: Mask = labels == np.argmax(totals)
    return best & mask
