"""Colour pictures of a pair: gray base with hot overlay and colour bar; or, where that was refused, side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Image, Values, foreground
from dicomnode_plugins._imaging.hot_iron import colours, draw_bar
from dicomnode_plugins._imaging.lettering import WIDTH, Pixels, write

NAME = "CE-T1 + CE-MRN"
OPACITY = 0.4
_GRAY = (1.0, 99.0)
"""Percentiles of the base's body shown black and white."""
_HOT = (60.0, 99.8)
"""Percentiles of the overlay's body at the ends of the colours."""
_MOST_PAIRS = 24

Window = tuple[float, float]
"""Lowest and highest value shown."""


def gray_window(volume: Volume) -> Window:
    """From black to white, by percentiles of the body."""
    return _window(volume.array[foreground(Image.of(volume))], _GRAY)


def hot_window(base: Volume, overlay: Values) -> Window:
    """From no colour to the hottest, by percentiles of the overlay in the base's body.

    The overlay has no body of its own: suppressed fat and muscle in it are hardly brighter than air.
    """
    return _window(overlay[foreground(Image.of(base)) & (overlay > 0)], _HOT)


def centre_and_width(window: Window) -> tuple[float, float]:
    """The same window as DICOM says it."""
    low, high = window
    return (low + high) / 2, high - low


def fused(base: Values, gray: Window, overlay: Values, hot: Window) -> Pixels:
    """Lay the overlay's colours over the gray base, ``1 - a w`` of the one and ``a w`` of the other.

    Parameters
    ----------
    base, overlay : (..., rows, columns)
    gray, hot : (low, high)
        w rises from 0 to 1 over the hot window; a is :data:`OPACITY`.

    Returns
    -------
    (..., rows, columns, 3) uint8
    """
    share = _shares(overlay, hot)
    weight = (np.float32(OPACITY) * share)[..., None]
    ground = _shares(base, gray)[..., None] * np.float32(255)
    pixels: Pixels = np.rint((1 - weight) * ground + weight * colours(share)).astype(np.uint8)
    return pixels


def fused_slices(base: Volume, gray: Window, overlay: Values, hot: Window, name: str = NAME) -> Pixels:
    """Every slice of the base with the overlay on it, named, with a colour bar; (z, y, x, 3) uint8."""
    pictures = np.stack([fused(plane, gray, above, hot) for plane, above in zip(base.array, overlay, strict=True)])
    for picture in pictures:
        _name(picture, name)
        draw_bar(picture, f"{hot[0]:.0f}", f"{hot[1]:.0f}", _dot(picture))
    return pictures


def side_by_side(base: Volume, overlay: Volume) -> Pixels:
    """Slices of both series next to each other, each on its own grid: neither says where the other lies."""
    shown = [_planes(base, gray_window(base)), _planes(overlay, gray_window(overlay))]
    count = min(_MOST_PAIRS, *(len(planes) for planes in shown))
    rows = max(planes.shape[1] for planes in shown)
    halves = []
    for planes, name in zip(shown, ("CE-T1", "CE-MRN"), strict=True):
        chosen = planes[np.linspace(0, len(planes) - 1, count).round().astype(int)]
        above = (rows - chosen.shape[1]) // 2
        padded = np.pad(chosen, ((0, 0), (above, rows - chosen.shape[1] - above), (0, 0)))
        coloured = np.repeat(padded[..., None], 3, axis=3)
        for picture in coloured:
            _name(picture, f"{name} - NOT FUSED")
        halves.append(coloured)
    return np.concatenate(halves, axis=2)


def _window(body: Values, percentiles: tuple[float, float]) -> Window:
    low, high = np.percentile(body, percentiles) if body.size else (0.0, 0.0)
    return float(low), max(float(high), float(low) + 1.0)


def _shares(values: Values, window: Window) -> Values:
    low, high = window
    shares: Values = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return shares


def _planes(volume: Volume, window: Window) -> npt.NDArray[np.uint8]:
    return (_shares(volume.array, window) * np.float32(255)).astype(np.uint8)


def _dot(picture: Pixels) -> int:
    return max(1, int(picture.shape[1]) // 200)


def _name(picture: Pixels, text: str) -> None:
    dot = _dot(picture)
    picture[: 8 * dot, : (len(text) * WIDTH + 3) * dot] //= 4
    write(picture, text, 2 * dot, 2 * dot, dot)
