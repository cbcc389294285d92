"""Round regions of interest of 0.5 cm2 that weight each pixel by the part of it that lies inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Spacing

AREA = 0.5
"""cm2, as in the paediatric study of focal fatty sparing."""
RADIUS = float(np.sqrt(100 * AREA / np.pi))
"""mm."""
LEAST_PIXELS = 8.0
"""A disc of fewer is no measurement."""
_PARTS = 16  # of a pixel's side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disc:
    """A disc on one axial slice."""

    plane: int
    row: int
    column: int
    weights: FloatArray
    """(rows, columns) part of each pixel inside, odd sides, the centre in the middle."""
    area: float
    """cm2, as sampled."""

    def mean(self, image: FloatArray) -> float:
        """Weighted mean of the pixels with a value; NaN where there is none."""
        values, weights = image[self._place()], self._inside(image.shape)
        known = np.isfinite(values) & (weights > 0)
        return float(np.average(values[known], weights=weights[known])) if known.any() else float("nan")

    def mask(self, shape: tuple[int, int, int]) -> Mask:
        """Pixels of which more than half lies inside."""
        drawn = np.zeros(shape, np.bool_)
        drawn[self._place()] = self._inside(shape) > 0.5
        return drawn

    def _place(self) -> tuple[int, slice, slice]:
        half_rows, half_columns = (side // 2 for side in self.weights.shape)
        rows = slice(max(self.row - half_rows, 0), self.row + half_rows + 1)
        return self.plane, rows, slice(max(self.column - half_columns, 0), self.column + half_columns + 1)

    def _inside(self, shape: tuple[int, ...]) -> FloatArray:
        """The weights, cut where the disc leaves the picture."""
        rows, columns = (
            slice(max(side // 2 - at, 0), side - max(at + side // 2 + 1 - size, 0))
            for at, side, size in zip((self.row, self.column), self.weights.shape, shape[1:], strict=True)
        )
        return self.weights[rows, columns]


def weights(spacing: Spacing, radius: float = RADIUS) -> FloatArray:
    """Part of each pixel inside a disc about the middle pixel, (rows, columns) float32."""
    half = [int(np.ceil(radius / step + 0.5)) for step in spacing[1:]]
    y, x = (
        ((np.arange((2 * n + 1) * _PARTS) + 0.5) / _PARTS - n - 0.5) * step
        for n, step in zip(half, spacing[1:], strict=True)
    )
    inside = y[:, None] ** 2 + x**2 <= radius**2
    share: FloatArray = inside.reshape(2 * half[0] + 1, _PARTS, 2 * half[1] + 1, _PARTS).mean((1, 3)).astype(np.float32)
    return share


def disc(plane: int, row: int, column: int, spacing: Spacing) -> Disc:
    """A disc of :data:`AREA` about a voxel."""
    share = weights(spacing)
    area = float(share.sum()) * spacing[1] * spacing[2] / 100
    return Disc(plane=plane, row=row, column=column, weights=share, area=area)
