"""Maximum intensity projections of neurography: through coronal slabs, and round the head's long axis."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Array, Image, Values
from dicomnode_plugins._imaging.hot_iron import colours
from dicomnode_plugins._imaging.lettering import Pixels
from dicomnode_plugins._imaging.resampling import resampled
from dicomnode_plugins.fusion.picture import Window

SLAB = 20.0
"""Thickness, mm."""
_PIXEL = 1.0  # mm
_TURNING_PIXEL = 1.5  # mm
_TURNS = 12
"""Views over half a turn; the other half shows the same from behind, left and right exchanged."""


def coronal_slabs(overlay: Volume, window: Window) -> Pixels:
    """Slabs that overlap by half, from the front to the back; (n, rows, columns, 3) uint8, the head up."""
    upright = _upright(overlay, _PIXEL, _reach(overlay))
    depth, step = round(SLAB / _PIXEL), round(SLAB / _PIXEL / 2)
    starts = range(0, max(upright.shape[1] - depth, 0) + 1, step)
    return np.stack([_picture(upright[:, start : start + depth].max(1), window) for start in starts])


def rotating(overlay: Volume, window: Window) -> Pixels:
    """The whole neurogram from 24 sides, 15 degrees apart; (24, rows, columns, 3) uint8, the head up."""
    reach = _reach(overlay)
    reach[:2] = np.hypot(*reach[:2])
    angles = np.arange(_TURNS) * np.pi / _TURNS
    views = [_upright(overlay, _TURNING_PIXEL, reach, angle).max(1) for angle in angles]
    behind = [view[:, ::-1] for view in views]
    return np.stack([_picture(view, window) for view in (*views, *behind)])


def _reach(overlay: Volume) -> Array:
    """Half the sides of the box along the patient's axes that holds the volume, mm."""
    image = Image.of(overlay)
    corners = np.stack(np.meshgrid(*((0, n - 1) for n in image.size), indexing="ij")).reshape(3, -1)
    reach: Array = np.ptp(image.places(corners), axis=1) / 2
    return reach


def _upright(overlay: Volume, pixel: float, reach: Array, angle: float = 0.0) -> Values:
    """The overlay on axes head to feet, front to back, right to left, turned about its long axis; cubes of one side."""
    centre = Image.of(overlay).centre
    return resampled(overlay, _axes(centre, reach, pixel), _counts(reach, pixel), _turn(centre, angle))


def _counts(reach: Array, pixel: float) -> tuple[int, int, int]:
    x, y, z = (int(2 * r / pixel) + 1 for r in reach)
    return z, y, x


def _axes(centre: Array, reach: Array, pixel: float) -> Array:
    affine = np.diag([pixel, pixel, -pixel, 1.0])
    affine[:3, 3] = centre + reach * (-1, -1, 1)
    return affine


def _turn(centre: Array, angle: float) -> Array:
    cosine, sine = np.cos(angle), np.sin(angle)
    matrix = np.eye(4)
    matrix[:2, :2] = [[cosine, -sine], [sine, cosine]]
    matrix[:3, 3] = centre - matrix[:3, :3] @ centre
    return matrix


def _picture(projection: Values, window: Window) -> Pixels:
    low, high = window
    share = np.clip((projection - np.float32(low)) / np.float32(high - low), 0, 1)
    return colours(share).astype(np.uint8)
