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
    return ~widened(~mask, width, spacing)


def widened(mask: Mask, width: float, spacing: Spacing) -> Mask:
    """The mask and all within a distance, mm, in the same plane.

    Each row is widened by what the disc leaves at every distance from its middle row: a tenth of the time of distances.
    """
    wide, row = mask.copy(), mask.copy()
    reached = 0
    for above, reach in reversed(_disc(width, spacing)):  # the widest row of the disc, its middle one, comes last
        for step in range(reached + 1, reach + 1):
            row[..., step:] |= mask[..., :-step]
            row[..., :-step] |= mask[..., step:]
        reached = reach
        rest = max(mask.shape[1] - above, 0)
        wide[:, above:] |= row[:, :rest]
        wide[:, :rest] |= row[:, above:]
    return wide


def _disc(radius: float, spacing: Spacing) -> list[tuple[int, int]]:
    """Rows of a disc: how many above or below its middle each lies, and how many columns it reaches to each side."""
    rows, columns = (np.arange(int(radius / step) + 2) * step for step in spacing[1:])
    inside = np.sqrt(rows[:, None] ** 2 + columns**2).astype(np.float32) <= np.float32(radius)
    return [(above, int(row.sum()) - 1) for above, row in enumerate(inside) if row[0]]


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
