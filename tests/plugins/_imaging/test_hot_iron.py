"""The colours, and the bar that explains them."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins._imaging.hot_iron import colours, draw_bar


def test_the_colours_are_hot_iron() -> None:
    bar = colours(np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32))
    assert bar.tolist() == [[0, 0, 0], [128, 0, 0], [255, 0, 0], [255, 128, 0], [255, 255, 255]]


def test_the_bar_stays_in_a_small_picture_and_at_the_right_of_a_large_one() -> None:
    for rows, columns in ((12, 16), (100, 200)):
        picture = np.full((rows, columns, 3), 90, np.uint8)
        draw_bar(picture, "0", "1", 1)
        quarter, half = rows // 4, rows // 2
        expected = colours(np.linspace(1, 0, half, dtype=np.float32)).astype(np.uint8)
        assert np.array_equal(picture[quarter : quarter + half, columns - 5], expected)
        assert (picture[:, : columns - 7] == 90).all()
