"""Shapes painted over each other on an axial grid, each with a soft edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Point = tuple[float, float, float]
"""x to the left, y to the back, z to the head, mm."""
EDGE = 1.5
"""Width of the edge between two tissues, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """An axial grid whose middle is the origin; arrays are (z, y, x)."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    shift: Point = (0.0, 0.0, 0.0)

    @property
    def affine(self) -> npt.NDArray[np.float64]:
        """From voxel (x, y, z, 1) to LPS, mm."""
        affine = np.diag([*self.spacing[::-1], 1.0])
        affine[:3, 3] = [-(n - 1) / 2 * s for n, s in zip(self.shape[::-1], self.spacing[::-1], strict=True)]
        return affine

    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """x, y, z of the voxels, where ``shift`` moves the patient under the grid."""
        x, y, z = (
            self.affine[axis, 3] + self.affine[axis, axis] * np.arange(self.shape[2 - axis]) - self.shift[axis]
            for axis in range(3)
        )
        return x.astype(np.float32), y.astype(np.float32), z.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """Semi-axes along x, y, z, turned about z."""

    tissue: str
    centre: Point
    radii: Point
    turn: float = 0.0
    """Degrees."""

    def box(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest corner."""
        reach = np.array([*[max(self.radii[:2]) if self.turn else r for r in self.radii[:2]], self.radii[2]])
        return np.subtract(self.centre, reach), np.add(self.centre, reach)

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """About the distance from the surface, negative inside."""
        angle = np.deg2rad(self.turn)
        dx, dy, dz = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        if self.turn:
            dx, dy = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
        parts = [(d / r) ** 2 for d, r in zip((dx, dy, dz), self.radii, strict=True)]
        steep = [p / r**2 for p, r in zip(parts, self.radii, strict=True)]
        size = np.sqrt(parts[0] + parts[1] + parts[2]) + 1e-6
        return size * (size - 1) / (np.sqrt(steep[0] + steep[1] + steep[2]) + 1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A vessel along a line of points."""

    tissue: str
    points: tuple[Point, ...]
    radius: float

    def box(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest corner."""
        points = np.array(self.points)
        return points.min(0) - self.radius, points.max(0) + self.radius

    def distance(self, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
        """The distance from the surface, negative inside."""
        nearest: FloatArray | float = np.inf
        for start, end in zip(self.points, self.points[1:], strict=False):
            way = np.subtract(end, start)
            along = ((x - start[0]) * way[0] + (y - start[1]) * way[1] + (z - start[2]) * way[2]) / (way @ way)
            t = np.clip(along, 0, 1)
            away = [(v - s - t * w) ** 2 for v, s, w in zip((x, y, z), start, way, strict=True)]
            nearest = np.minimum(nearest, away[0] + away[1] + away[2])
        return np.sqrt(nearest) - self.radius


Shape = Ellipsoid | Tube


def paint(shapes: list[Shape], values: dict[str, tuple[float, ...]], grid: Grid) -> tuple[FloatArray, npt.NDArray]:
    """Values of each tissue on the grid, (values, z, y, x), and the number of the topmost shape, 0 for none."""
    count = len(next(iter(values.values())))
    painted = np.zeros((count, *grid.shape), np.float32)
    top = np.zeros(grid.shape, np.uint8)
    axes = grid.axes()
    for number, shape in enumerate(shapes, start=1):
        low, high = shape.box()
        ranges = [np.searchsorted(a, (lo - EDGE, hi + EDGE)) for a, lo, hi in zip(axes, low, high, strict=True)]
        if any(first == last for first, last in ranges):
            continue
        x, y, z = (a[first:last] for a, (first, last) in zip(axes, ranges, strict=True))
        box = tuple(slice(int(first), int(last)) for first, last in ranges[::-1])
        distance = shape.distance(x, y[:, None], z[:, None, None])
        share = np.clip(0.5 - distance / EDGE, 0, 1).astype(np.float32)
        top[box][distance < 0] = number
        for channel, value in zip(painted, values[shape.tissue], strict=True):
            part = channel[box]
            part += share * (np.float32(value) - part)
    return painted, top
