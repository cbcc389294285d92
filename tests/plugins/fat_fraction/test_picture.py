"""The colour pictures."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode_plugins.fat_fraction.picture import overlay

SHAPE = (2, 200, 256)
SIGNAL = np.full(SHAPE, 100, np.float32)
NOTHING = np.full(SHAPE, np.nan, np.float32)
EVERYWHERE = np.ones(SHAPE, np.bool_)


def at(percent: float, limit: float = 40.0) -> tuple[int, int, int]:
    """The colour of one fat fraction over white."""
    fraction = NOTHING.copy()
    fraction[:, 10, 10] = percent
    red, green, blue = overlay(SIGNAL, fraction, EVERYWHERE, limit)[0, 10, 10].tolist()
    return red, green, blue


def test_without_a_value_the_picture_is_gray() -> None:
    half = SIGNAL.copy()
    half[:, 50:60] = 50
    frames = overlay(half, NOTHING, EVERYWHERE, 40)
    assert frames.dtype == np.uint8
    assert frames[0, 5, 5].tolist() == [255, 255, 255]
    assert frames[0, 55, 5].tolist() == [127, 127, 127]


def test_cold_is_no_fat_and_hot_is_much() -> None:
    red, _, blue = at(0)
    assert blue > red
    red, _, blue = at(40)
    assert red > blue + 50
    assert len({at(percent) for percent in (0, 8, 16, 24, 32, 40)}) == 6


def test_colours_end_at_both_ends_of_the_scale() -> None:
    assert at(-12) == at(0)
    assert at(49) == at(40)
    assert at(30, limit=30.0) == at(40)


@pytest.mark.parametrize("limit", [40.0, 50.0])
def test_the_bar_shows_the_colours_and_leaves_the_lower_edge_free(limit: float) -> None:
    frames = overlay(SIGNAL, NOTHING, EVERYWHERE, limit)
    coloured = (frames[0].max(axis=-1) - frames[0].min(axis=-1)) > 30
    rows, columns = np.nonzero(coloured)
    assert (rows.min(), rows.max()) == (50, 149)
    assert columns.min() >= 240
    bar = frames[0, 50:150, columns.min() + 2].astype(int)
    assert bar[0, 0] > bar[0, 2]
    assert bar[-1, 2] > bar[-1, 0]
    assert (frames[0, 185:, :220] == 255).all()


def test_numbers_stand_beside_the_ticks() -> None:
    low, high = (overlay(SIGNAL, NOTHING, EVERYWHERE, limit)[0, :, 220:246] for limit in (40.0, 50.0))
    written = [row for row in range(200) if not np.array_equal(low[row], high[row])]
    assert written
    assert min(written) >= 45
