"""Trilinear values and gradients of an image at moved points."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins._imaging.grids import Array, Image, Mask, Values


def relative(image: Image, voxels: Array, pivot: Array) -> Values:
    """Homogeneous coordinates (4, n), mm from a pivot, of voxel coordinates (3, n)."""
    places = image.places(voxels) - pivot[:, None]
    return np.vstack([places, np.ones(places.shape[1])]).astype(np.float32)


class Sampler:
    """An image as a function of points relative to a pivot."""

    def __init__(self, image: Image, pivot: Array) -> None:
        inverse = np.linalg.inv(image.affine)
        self._linear = inverse[:3, :3]
        self._offset = self._linear @ pivot + inverse[:3, 3]
        self._values = image.values.ravel()
        self._size = image.size

    def __call__(self, motion: Array, points: Values) -> tuple[Values, Values, Mask]:
        """Values (n,), gradients (3, n) per mm and whether each point is inside, at ``motion @ points``.

        Parameters
        ----------
        motion : (3, 4)
        points : (4, n)
            Homogeneous, mm from the pivot.
        """
        whole = self._linear @ motion
        whole[:, 3] += self._offset
        place = whole.astype(np.float32) @ points
        last = (self._size - 1).astype(np.float32)[:, None]
        inside: Mask = np.all((place >= 0) & (place <= last), axis=0)
        np.clip(place, 0, last - np.float32(1e-3), out=place)
        floor = place.astype(np.int32)
        x, y, z = place - floor
        row, plane = int(self._size[0]), int(self._size[0] * self._size[1])
        at = (floor[2] * plane + floor[1] * row + floor[0]).astype(np.intp)
        corners = [self._values.take(at + step) for step in (0, row, plane, plane + row)]
        along = [
            self._values.take(at + step + 1) - c for step, c in zip((0, row, plane, plane + row), corners, strict=True)
        ]
        edges = [c + x * a for c, a in zip(corners, along, strict=True)]
        rise = edges[1] - edges[0], edges[3] - edges[2]
        near, far = edges[0] + y * rise[0], edges[2] + y * rise[1]
        slope = along[0] + y * (along[1] - along[0]), along[2] + y * (along[3] - along[2])
        gradient = np.stack([slope[0] + z * (slope[1] - slope[0]), rise[0] + z * (rise[1] - rise[0]), far - near])
        return near + z * (far - near), self._linear.T.astype(np.float32) @ gradient, inside
