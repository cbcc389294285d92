"""Paint a head on a grid in any pose, without noise; then as a scanner would give it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.fusion.anatomy import CONTRASTS, SIGNAL, Ellipsoid, Head, Shape, Tube
from dicomnode.sdk import Volume

FloatArray = npt.NDArray[np.floating]
_FAR = 4.0  # mm from a surface, where even the widest edge has ended
_SLAB = 4  # slices at a time: they stay in the cache


def paint(
    head: Head, shape: tuple[int, int, int], affine: FloatArray, contrast: str, pose: FloatArray, blur: float = 0.0
) -> npt.NDArray[np.float32]:
    """Signal of every voxel.

    Parameters
    ----------
    shape : (slices, rows, columns)
    affine : (4, 4)
        From voxel (x, y, z, 1) to LPS, mm.
    contrast : str
        One of :data:`benchmarks.fusion.anatomy.CONTRASTS`.
    pose : (4, 4)
        From LPS to the head's own coordinates.
    blur : float
        Least width of an edge, mm.
    """
    column = CONTRASTS.index(contrast)
    to_head = pose @ affine
    to_voxel = np.linalg.inv(to_head)
    image = np.zeros(shape, np.float32)
    boxes = [_box(item, to_voxel, shape) for item in head.shapes]
    for first in range(0, shape[0], _SLAB):
        last = min(first + _SLAB, shape[0])
        for item, (low, high) in zip(head.shapes, boxes, strict=True):
            start, end = max(low[2], first), min(high[2], last)
            if start >= end or (low >= high).any():
                continue
            part = image[start:end, low[1] : high[1], low[0] : high[0]]
            away = _distance(item, _coordinates(to_head, (low[0], low[1], start), (high[0], high[1], end)))
            away *= np.float32(2.2 / max(item.edge, blur))
            np.clip(away, -30, 30, out=away)
            share = 1 / (1 + np.exp(away))
            part += share * (np.float32(SIGNAL[item.tissue][column]) - part)
    return image * _texture(head, to_head, shape)


def degrade(
    image: npt.NDArray[np.float32], random: np.random.Generator, noise: float, bias: float = 0.25
) -> npt.NDArray[np.uint16]:
    """Coil shading of up to ``bias`` and Rician noise of standard deviation ``noise``, as stored values."""
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in image.shape), indexing="ij", sparse=True)
    a = random.uniform(-1, 1, 6).astype(np.float32)
    shading = 1 + np.float32(bias / 2) * (a[0] * z + a[1] * y + a[2] * x + a[3] * z**2 + a[4] * y**2 + a[5] * x**2)
    signal = image * shading
    real, imaginary = (np.float32(noise) * random.standard_normal(image.shape, dtype=np.float32) for _ in range(2))
    return np.clip(np.rint(np.hypot(signal + real, imaginary)), 0, 4095).astype(np.uint16)


def volume(voxels: npt.NDArray[np.generic], affine: FloatArray, frame: str = "") -> Volume:
    """Voxels as a plugin is given them."""
    return Volume(array=voxels.astype(np.float32), affine=affine, frame=frame)


def _coordinates(to_head: FloatArray, low: tuple[int, ...], high: tuple[int, ...]) -> list[npt.NDArray[np.float32]]:
    x, y, z = (np.arange(first, last) for first, last in zip(low, high, strict=True))
    return [
        (row[0] * x).astype(np.float32)
        + (row[1] * y + row[3]).astype(np.float32)[:, None]
        + (row[2] * z).astype(np.float32)[:, None, None]
        for row in to_head[:3]
    ]


def _distance(item: Shape, place: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """About the distance from the surface, negative inside, mm."""
    if isinstance(item, Tube):
        way = item.end - item.start
        along = sum(
            np.float32(w / (way @ way)) * (p - np.float32(s)) for p, s, w in zip(place, item.start, way, strict=True)
        )
        along = np.clip(along, 0, 1)
        square = sum(
            (p - np.float32(s) - along * np.float32(w)) ** 2 for p, s, w in zip(place, item.start, way, strict=True)
        )
        return np.sqrt(square) - np.float32(item.radius)
    matrix = (item.rotation / item.radii).T.astype(np.float32)
    offset = (matrix @ item.centre).astype(np.float32)
    unit = [
        row[0] * place[0] + row[1] * place[1] + row[2] * place[2] - o for row, o in zip(matrix, offset, strict=True)
    ]
    squares = [u * u for u in unit]
    size = np.sqrt(squares[0] + squares[1] + squares[2])
    steep = np.sqrt(sum(s * np.float32(r**-2) for s, r in zip(squares, item.radii, strict=True)))
    return size * (size - 1) / (steep + np.float32(1e-6))


def _box(item: Shape, to_voxel: FloatArray, shape: tuple[int, int, int]) -> tuple[npt.NDArray[np.int64], ...]:
    """First and last-but-one voxel (x, y, z) that a shape can reach."""
    linear = to_voxel[:3, :3]
    if isinstance(item, Ellipsoid):
        centres = item.centre[None]
        reach = np.linalg.norm(linear @ item.rotation * (item.radii + _FAR), axis=1)
    else:
        centres = np.stack([item.start, item.end])
        reach = np.linalg.norm(linear, axis=1) * (item.radius + _FAR)
    middle = centres @ linear.T + to_voxel[:3, 3]
    low = np.floor(middle.min(0) - reach).clip(0).astype(int)
    high = np.minimum(np.ceil(middle.max(0) + reach).astype(int) + 1, shape[::-1])
    return low, high


def _texture(head: Head, to_head: FloatArray, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """1 + 0.035 x the sum of the plane waves: each is a product of phases along the three axes."""
    steps = head.waves @ to_head[:3, :3]
    start = head.waves @ to_head[:3, 3] + head.phases
    columns = np.exp(1j * np.outer(steps[:, 0], np.arange(shape[2]))).astype(np.complex64)
    rows = np.exp(1j * np.outer(steps[:, 1], np.arange(shape[1]))).astype(np.complex64)
    slices = np.exp(1j * (np.outer(np.arange(shape[0]), steps[:, 2]) + start)).astype(np.complex64)
    texture = np.empty(shape, np.float32)
    for plane, phase in zip(texture, slices, strict=True):
        turned = rows * phase[:, None]
        plane[:] = turned.imag.T @ columns.real + turned.real.T @ columns.imag
    return 1 + np.float32(0.035) * texture
