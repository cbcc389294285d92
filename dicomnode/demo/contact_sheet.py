"""One picture of everything that came back: colour pictures, map and outline of the same slices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from dicomnode.demo.results import FloatArray, Mask, Pixels, Results

Picture = tuple[str, Pixels]
"""Caption, and (rows, columns, 3) RGB."""

_GROUND, _INK, _FAINT = (18, 20, 26), (238, 240, 244), (150, 156, 168)
_GAP, _CAPTION, _TITLE = 12, 26, 58
_STOPS = np.array(
    [(0, 0, 4), (66, 10, 104), (147, 38, 103), (221, 81, 58), (252, 165, 10), (252, 255, 164)], np.float32
)
"""Dark to light like heated iron: readable in print and by colour-blind eyes."""
_OUTLINE = (90, 220, 255)


def write(path: Path, pictures: Sequence[Picture], *, title: str, columns: int = 4) -> None:
    """Write a PNG of all pictures, ``columns`` in a row, each with its caption below.

    Parameters
    ----------
    pictures : sequence of (caption, (rows, columns, 3) uint8)
        Of any size; every cell is as large as the largest.

    Raises
    ------
    ValueError
        When there is no picture.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    high = max(pixels.shape[0] for _, pixels in pictures)
    wide = max(pixels.shape[1] for _, pixels in pictures)
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    size = (_GAP + columns * (wide + _GAP), _TITLE + rows * (high + _CAPTION + _GAP))
    sheet = Image.new("RGB", size, _GROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _TITLE // 2), title, fill=_INK, font=ImageFont.load_default(22), anchor="lm")
    font = ImageFont.load_default(14)
    for number, (caption, pixels) in enumerate(pictures):
        left = _GAP + number % columns * (wide + _GAP)
        top = _TITLE + number // columns * (high + _CAPTION + _GAP)
        sheet.paste(
            Image.fromarray(pixels), (left + (wide - pixels.shape[1]) // 2, top + (high - pixels.shape[0]) // 2)
        )
        draw.text((left + wide // 2, top + high + _CAPTION // 2), caption, fill=_FAINT, font=font, anchor="mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


def lay_out(results: Results, *, slices: int = 4) -> list[Picture]:
    """Pictures of evenly spaced slices: a row of secondary captures, one of map values, one of outlines on the map.

    A kind of object that did not come back has no row.
    """
    places = _spread(sorted(results.captures or results.maps), slices)
    captures, maps, window = results.captures, results.maps, results.window
    return [
        *((f"Secondary Capture, {place:+.0f} mm", captures[place]) for place in places if place in captures),
        *((f"Parametric Map, {place:+.0f} mm", coloured(maps[place], window)) for place in places if place in maps),
        *(
            (f"Segmentation, {place:+.0f} mm", outlined(gray(maps[place], window), results.masks[place]))
            for place in places
            if place in maps and place in results.masks
        ),
    ]


def coloured(values: FloatArray, window: tuple[float, float]) -> Pixels:
    """(rows, columns) values in colour, black where there is none, with a colour scale and its ends at the right."""
    colours = np.where(np.isnan(values)[..., None], 0, _colours(_share(values, window))).astype(np.uint8)
    return _with_scale(colours, window)


def gray(values: FloatArray, window: tuple[float, float]) -> Pixels:
    """(rows, columns) values in gray, black where there is none."""
    shade = (np.nan_to_num(_share(values, window)) * 200).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


def outlined(picture: Pixels, mask: Mask) -> Pixels:
    """The picture with the border of a mask drawn one pixel wide, inside the mask."""
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    drawn = picture.copy()
    drawn[mask & ~inner] = _OUTLINE
    return drawn


def _spread(places: Sequence[float], count: int) -> list[float]:
    """Up to ``count`` places, evenly spaced, leaving out both ends."""
    chosen = np.linspace(0, len(places) - 1, count + 2).round().astype(int)[1:-1]
    return [places[index] for index in dict.fromkeys(chosen.tolist())] if places else []


def _share(values: FloatArray, window: tuple[float, float]) -> npt.NDArray[np.float32]:
    low, high = window
    share: FloatArray = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return share


def _colours(share: FloatArray) -> FloatArray:
    stops = np.linspace(0, 1, len(_STOPS))
    return np.stack([np.interp(share, stops, _STOPS[:, channel]) for channel in range(3)], axis=-1).astype(np.float32)


def _with_scale(picture: Pixels, window: tuple[float, float]) -> Pixels:
    """A bar of a third of the height in the upper right corner, with the ends of the window."""
    rows, columns, _ = picture.shape
    height, width = rows // 3, max(3, columns // 40)
    image = Image.fromarray(picture)
    bar = np.repeat(_colours(np.linspace(1, 0, height, dtype=np.float32))[:, None].astype(np.uint8), width, axis=1)
    left, top = columns - width - 6, 8
    image.paste(Image.fromarray(bar), (left, top))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(11)
    draw.text((left - 4, top), f"{window[1]:g}", fill=_INK, font=font, anchor="rt")
    draw.text((left - 4, top + height), f"{window[0]:g}", fill=_INK, font=font, anchor="rb")
    return np.asarray(image)
