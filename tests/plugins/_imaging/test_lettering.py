"""What is written can be read."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins._imaging.lettering import write


def test_a_sign_has_its_dots() -> None:
    picture = np.zeros((5, 3, 3), np.uint8)
    write(picture, "t", 0, 0, 1)
    assert (picture[..., 0] > 0).astype(int).tolist() == [[1, 1, 1], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]]


def test_dots_grow_and_what_lies_outside_is_cut_off() -> None:
    picture = np.zeros((10, 6, 3), np.uint8)
    write(picture, "11", 0, 0, 2)
    alone = picture.copy()
    write(picture, "8", -40, -40, 2)
    assert np.array_equal(picture, alone)
    assert np.count_nonzero(picture[..., 0]) == 4 * 8
