from __future__ import annotations

import numpy as np
import pytest

from dicomnode.encode.burn import mark
from dicomnode.errors import EncodingError

GREY = 90


def picture(rows: int, columns: int) -> np.ndarray:
    return np.full((rows, columns, 3), GREY, np.uint8)


@pytest.mark.parametrize(
    ("rows", "columns", "height", "width"),
    [(256, 256, 11, 132), (1024, 1100, 22, 264), (64, 64, 33, 60), (100, 131, 22, 108)],
)
def test_the_words_stand_on_a_small_patch_at_the_lower_edge(rows: int, columns: int, height: int, width: int) -> None:
    changed = (mark(picture(rows, columns)) != GREY).any(axis=-1)
    found_rows, found_columns = np.nonzero(changed)
    assert (found_rows.min(), found_rows.max()) == (rows - height, rows - 1)
    left = (columns - width) // 2
    assert (found_columns.min(), found_columns.max()) == (left, left + width - 1)
    assert changed.sum() == height * width


def test_there_are_white_letters_in_it() -> None:
    marked = mark(picture(256, 256))
    white = (marked[-11:] == 255).all(axis=-1)
    assert 300 < white.sum() < 900
    assert set(np.unique(marked)) == {0, GREY, 255}


def test_the_given_picture_is_not_touched() -> None:
    given = picture(64, 64)
    mark(given)
    assert (given == GREY).all()


@pytest.mark.parametrize(("rows", "columns"), [(64, 59), (30, 64)])
def test_a_picture_too_small_for_the_words_is_refused(rows: int, columns: int) -> None:
    with pytest.raises(EncodingError, match="too small for the words"):
        mark(picture(rows, columns))
