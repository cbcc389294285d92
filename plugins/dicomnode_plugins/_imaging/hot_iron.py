"""Hot iron colours over gray pictures, and the bar that says what they mean."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import HOT_IRON
from dicomnode_plugins._imaging.grids import Values
from dicomnode_plugins._imaging.lettering import WIDTH, Pixels, write

_COLOURS = np.array(HOT_IRON, np.float32)


def colours(share: Values) -> Values:
    """Hot iron for 0 to 1; (..., 3) float32."""
    place = share * np.float32(len(_COLOURS) - 1)
    below = np.minimum(place.astype(np.intp), len(_COLOURS) - 2)
    part = (place - below)[..., None]
    mixed: Values = _COLOURS[below] * (1 - part) + _COLOURS[below + 1] * part
    return mixed


def draw_bar(picture: Pixels, lowest: str, highest: str, dot: int) -> None:
    """Draw the colours at the right edge, on a dark ground, with what stands for both ends.

    Parameters
    ----------
    picture : (rows, columns, 3) uint8
        Changed in place.
    lowest, highest : str
        In words of :func:`dicomnode_plugins._imaging.lettering.write`.
    dot : int
        Side of a dot, pixels.
    """
    rows, columns, _ = picture.shape
    height, width = rows // 2, 5 * dot
    top, left = rows // 4, columns - 7 * dot
    texts = [highest, lowest]
    ground = max(len(text) for text in texts) * WIDTH * dot + 3 * dot
    picture[max(top - 8 * dot, 0) : top + height + 8 * dot, max(columns - ground, 0) :] //= 4
    bar = colours(np.linspace(1, 0, height, dtype=np.float32)).astype(np.uint8)
    picture[top : top + height, left : left + width] = bar[:, None]
    for text, row in zip(texts, (top - 7 * dot, top + height + 2 * dot), strict=True):
        write(picture, text, row, columns - (len(text) * WIDTH + 1) * dot, dot)
