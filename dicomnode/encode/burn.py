"""The research mark in the pixels of a picture, where no viewer can lose it."""

from __future__ import annotations

import textwrap
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dicomnode.errors import EncodingError

TEXT = "NOT FOR DIAGNOSTIC USE"
_LETTER = (6, 11)
"""Width and height of a letter of Pillow's built-in bitmap font: the same pixels on every machine."""
_ROWS_PER_SCALE = 512

Picture = npt.NDArray[np.uint8]


def mark(picture: Picture) -> Picture:
    """Write "NOT FOR DIAGNOSTIC USE" on a black patch at the middle of the lower edge.

    Parameters
    ----------
    picture : (rows, columns, 3) uint8
        RGB; not changed.

    Raises
    ------
    EncodingError
        When the picture is too small to carry the words.
    """
    rows, columns, _ = picture.shape
    scale = max(1, rows // _ROWS_PER_SCALE)
    patch = _patch(columns // scale).repeat(scale, axis=0).repeat(scale, axis=1)
    height, width, _ = patch.shape
    if height > rows or width > columns:
        raise EncodingError(f"a picture of {columns} x {rows} pixels is too small for the words {TEXT!r}")
    marked = picture.copy()
    left = (columns - width) // 2
    marked[rows - height :, left : left + width] = patch
    return marked


@lru_cache(1)
def font() -> ImageFont.ImageFont:
    """Pillow's built-in bitmap font, unpacked once."""
    return ImageFont.load_default_imagefont()


@lru_cache(16)  # the pictures of a series are of one size
def _patch(columns: int) -> Picture:
    lines = textwrap.wrap(TEXT, max(1, columns // _LETTER[0]), break_long_words=False)
    width, height = _LETTER[0] * max(map(len, lines)), _LETTER[1] * len(lines)
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text(((width - _LETTER[0] * len(line)) // 2, _LETTER[1] * number), line, fill="white", font=font())
    return np.asarray(image)
