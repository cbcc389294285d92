"""Colour pictures: the in-phase image in gray, fat fraction over the body, a colour bar in the corner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dicomnode.sdk.findings import Colour
from dicomnode_plugins._imaging import lettering
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask

Pixels = npt.NDArray[np.uint8]

_STOPS = np.array(
    [(20, 30, 110), (30, 90, 230), (0, 190, 200), (70, 200, 70), (250, 220, 40), (230, 40, 20)], np.float32
)
"""Cold to hot, evenly spaced; dark blue is no fat."""
_WEIGHTS = (np.float32(0.3), np.float32(0.65))
"""Of the colour over the gray at both ends of the scale: tissue without fat keeps its anatomy."""
_BRIGHTEST = 97.0
"""Percentile of the body's signal that is shown white."""


def overlay(
    in_phase: FloatArray, percent: FloatArray, body: Mask, limit: float, outlined: Sequence[tuple[Mask, Colour]] = ()
) -> Pixels:
    """Draw every slice.

    Parameters
    ----------
    in_phase, percent : (z, y, x) float32
        Signal, and fat fraction, NaN where there is none.
    body : (z, y, x) bool
    limit : float
        Fat fraction, percent, at the upper end of the colours; they begin at 0 %.
    outlined : sequence of (mask, colour)
        Regions whose border is drawn, the last on top.

    Returns
    -------
    (z, y, x, 3) uint8
        RGB; the lower edge in the middle is left free for the node's research mark.
    """
    white = float(np.percentile(in_phase[body], _BRIGHTEST)) or 1.0
    gray = (np.clip(in_phase / np.float32(white), 0, 1) * np.float32(255)).astype(np.uint8)
    pixels = np.repeat(gray[..., None], 3, axis=3)
    measured = ~np.isnan(percent)
    share = np.clip(percent[measured] / np.float32(limit), 0, 1)
    weight = (_WEIGHTS[0] + (_WEIGHTS[1] - _WEIGHTS[0]) * share)[:, None]
    pixels[measured] = (1 - weight) * pixels[measured] + weight * _colours(share)
    for mask, colour in outlined:
        pixels[_border(mask)] = colour
    for plane in pixels:
        _draw_bar(plane, limit)
    return pixels


def _border(mask: Mask) -> Mask:
    """Voxels of a mask with a neighbour outside in their picture."""
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    inner = padded[:, :-2, 1:-1] & padded[:, 2:, 1:-1] & padded[:, 1:-1, :-2] & padded[:, 1:-1, 2:]
    border: Mask = mask & ~inner
    return border


def _colours(share: FloatArray) -> FloatArray:
    place = share * np.float32(len(_STOPS) - 1)
    below = np.minimum(place.astype(np.intp), len(_STOPS) - 2)
    part = (place - below)[..., None]
    mixed: FloatArray = _STOPS[below] * (1 - part) + _STOPS[below + 1] * part
    return mixed


def _draw_bar(plane: Pixels, limit: float) -> None:
    """Draw the scale at the right edge on a dark ground: bar, ticks at quarters, numbers in percent."""
    rows, columns, _ = plane.shape
    size = max(1, columns // 256)
    width, height = 6 * size, rows // 2
    top, left = rows // 4, columns - width - 3 * size
    plane[top - 5 * size : top + height + 5 * size, left - 20 * size :] //= 4
    shares = np.linspace(1, 0, height, dtype=np.float32)
    plane[top : top + height, left : left + width] = _colours(shares)[:, None, :].astype(np.uint8)
    for quarter in range(5):
        row = top + round((height - 1) * (1 - quarter / 4))
        plane[row, left - 2 * size : left] = 255
        text = f"{limit * quarter / 4:.0f}" + ("%" if quarter == 4 else "")
        start = left - (3 + lettering.WIDTH * len(text)) * size
        lettering.write(plane, text, row - lettering.HEIGHT // 2 * size, start, size)
