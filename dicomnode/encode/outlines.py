"""Outlines of a mask: closed polygons between pixel centres, and the mask back from them.

Marching squares at half height, diagonal neighbours apart (Lorensen and Cline, 1987, in two dimensions). Every pixel
centre inside the mask is inside the polygons and every other outside, so the mask comes back exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Polygon = npt.NDArray[np.float64]
"""(n, 2) corners in order, row and column, in pixels; the last one is joined to the first."""

_Corner = tuple[int, int]
"""Row and column, doubled."""

# midpoints of the sides of a cell of four pixel centres, doubled, from its upper left one
_TOP, _LEFT, _RIGHT, _BOTTOM = (0, 1), (1, 0), (1, 2), (2, 1)
_UPPER_LEFT, _UPPER_RIGHT, _LOWER_LEFT, _LOWER_RIGHT = 1, 2, 4, 8
_STEPS: dict[int, tuple[tuple[_Corner, _Corner], ...]] = {
    1: ((_LEFT, _TOP),), 2: ((_TOP, _RIGHT),), 4: ((_BOTTOM, _LEFT),), 8: ((_RIGHT, _BOTTOM),),
    3: ((_LEFT, _RIGHT),), 5: ((_BOTTOM, _TOP),), 10: ((_TOP, _BOTTOM),), 12: ((_RIGHT, _LEFT),),
    14: ((_TOP, _LEFT),), 13: ((_RIGHT, _TOP),), 11: ((_LEFT, _BOTTOM),), 7: ((_BOTTOM, _RIGHT),),
    9: ((_LEFT, _TOP), (_RIGHT, _BOTTOM)), 6: ((_TOP, _RIGHT), (_BOTTOM, _LEFT)),
}  # fmt: skip
"""For the pixels of a cell that are inside: steps along the outline, the inside to their left."""


def trace(mask: Mask, longest: int) -> list[Polygon]:
    """Outline a mask.

    Parameters
    ----------
    mask : (rows, columns) bool
    longest : int
        Most corners of all outlines together; a mask that takes more is cut in two along a row, for what holds a
        polygon may be short of room. Channels add at most half as many.

    Returns
    -------
    list of (n, 2) float
        One polygon for each region; a hole is joined to its surroundings by a channel without width (the keyhole
        technique of PS3.3 C.8.8.6.3), so that every reader fills it alike.
    """
    loops = list(_loops(mask))
    if sum(map(len, loops)) > longest and len(mask) > 1:
        middle = len(mask) // 2
        return [
            *trace(mask[:middle], longest),
            *(np.add(lower, (middle, 0)) for lower in trace(mask[middle:], longest)),
        ]
    regions = sorted((loop for loop in loops if _area(loop) > 0), key=_area)
    inside: list[list[Polygon]] = [[] for _ in regions]
    for hole in (loop for loop in loops if _area(loop) < 0):
        around = next(n for n, region in enumerate(regions) if _area(region) > -_area(hole) and _holds(region, hole))
        inside[around].append(hole)
    return [_joined(region, holes) for region, holes in zip(regions, inside, strict=True)]


def fill(polygons: Iterable[Polygon], shape: tuple[int, int]) -> Mask:
    """The pixels whose centres an odd number of polygons surround."""
    crossings = np.zeros((shape[0], shape[1] + 1), np.int64)
    for polygon in polygons:
        for (row, column), (next_row, next_column) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            low, high = sorted((row, next_row))
            for crossed in range(max(0, int(np.ceil(low))), min(shape[0], int(np.ceil(high)))):
                at = column + (crossed - row) * (next_column - column) / (next_row - row)
                crossings[crossed, min(max(0, int(np.ceil(at))), shape[1])] += 1
    return np.asarray(np.cumsum(crossings, axis=1)[:, :-1] % 2 == 1)


def _loops(mask: Mask) -> Iterator[Polygon]:
    """Closed outlines without needless corners, the inside to their left."""
    padded = np.pad(mask, 1).astype(np.uint8)
    cells = (
        padded[:-1, :-1] * _UPPER_LEFT
        + padded[:-1, 1:] * _UPPER_RIGHT
        + padded[1:, :-1] * _LOWER_LEFT
        + padded[1:, 1:] * _LOWER_RIGHT
    )
    follows: dict[_Corner, _Corner] = {}
    for row, column in np.argwhere((cells > 0) & (cells < 15)).tolist():
        for start, end in _STEPS[int(cells[row, column])]:
            follows[2 * row + start[0], 2 * column + start[1]] = (2 * row + end[0], 2 * column + end[1])
    while follows:
        first, corner = follows.popitem()
        loop = [first]
        while corner != first:
            loop.append(corner)
            corner = follows.pop(corner)
        corners = np.asarray(loop)
        before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
        turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
        yield corners[turns] / 2 - 1


def _area(polygon: Polygon) -> float:
    """Positive for a region, negative for a hole."""
    row, column = polygon.T
    return float(np.dot(row, np.roll(column, -1)) - np.dot(column, np.roll(row, -1))) / 2


def _holds(region: Polygon, hole: Polygon) -> bool:
    """Whether a hole lies in a region: outlines never touch, so one corner tells."""
    row, column = hole[0] + 1e-3
    one, other = region, np.roll(region, -1, axis=0)
    crossing = (one[:, 0] > row) != (other[:, 0] > row)
    start, end = one[crossing], other[crossing]
    at = start[:, 1] + (row - start[:, 0]) * (end[:, 1] - start[:, 1]) / (end[:, 0] - start[:, 0])
    return int(np.count_nonzero(at > column)) % 2 == 1


def _joined(region: Polygon, holes: list[Polygon]) -> Polygon:
    """One polygon of a region and its holes: to each a channel there and back, between the nearest corners."""
    for hole in holes:
        apart = ((region[:, None] - hole[None]) ** 2).sum(axis=2)
        start, end = np.unravel_index(int(apart.argmin()), apart.shape)
        turned = np.roll(hole, -int(end), axis=0)
        region = np.concatenate([region[: start + 1], turned, turned[:1], region[start:]])
    return region
