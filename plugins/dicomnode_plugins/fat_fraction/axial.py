"""The patient's axes: any grid seen with slices towards the head, rows towards the back, columns towards the left."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Spacing = tuple[float, float, float]
"""Distance between neighbouring voxels along each array axis, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxialView:
    """How the axes of a grid are exchanged and reversed; nothing is interpolated."""

    axes: tuple[int, ...]
    """Of the grid, in the order head-foot, front-back, right-left."""
    flips: tuple[int, ...]
    """Axes of the view that run against the grid's."""

    def of(self, array: Array) -> Array:
        """The array seen axially; contiguous."""
        return np.ascontiguousarray(np.flip(np.transpose(array, self.axes), self.flips))

    def back(self, array: Array) -> Array:
        """An axial array on the grid again; the inverse of :meth:`of`."""
        return np.ascontiguousarray(np.transpose(np.flip(array, self.flips), np.argsort(self.axes)))

    def spacing(self, grid: Spacing) -> Spacing:
        """The spacing of a grid in the order of the view."""
        z, y, x = (grid[axis] for axis in self.axes)
        return z, y, x


def axial_view(affine: npt.NDArray[np.float64]) -> AxialView:
    """The view whose axes lie nearest to head, back and left.

    Parameters
    ----------
    affine : (4, 4) float64
        From voxel (x, y, z, 1) to LPS, mm.
    """
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    # Row n: the patient's head, back or left; column n: array axis n.
    cosines = directions[::-1, ::-1]
    axes = max(itertools.permutations(range(3)), key=lambda order: sum(abs(cosines[n, a]) for n, a in enumerate(order)))
    flips = tuple(number for number, axis in enumerate(axes) if cosines[number, axis] < 0)
    return AxialView(axes=axes, flips=flips)
