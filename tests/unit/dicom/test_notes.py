"""What is unusual and no reason to refuse."""

from __future__ import annotations

import pytest

from dicomnode.dicom.notes import notes
from dicomnode.domain.instance import Fact
from tests.builders import grid

SQUARE = grid((20, 256, 256), spacing=(7.0, 0.9, 0.9))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"SpacingBetweenSlices": 7.05, "AcquisitionMatrix": [0, 256, 256, 0]}, ()),
        ({"SpacingBetweenSlices": 2.0}, ("Spacing Between Slices says 2 mm, the positions are 7 mm apart",)),
        ({"AcquisitionMatrix": [192, 0, 0, 115]}, ("interpolated: 256 x 256 pixels from 115 x 192 acquired",)),
        ({"AcquisitionMatrix": [12320, 12892, 13877]}, ()),  # old GE systems leave rubbish
    ],
)
def test_notes(facts: dict[str, Fact], said: tuple[str, ...]) -> None:
    assert notes(facts, SQUARE) == said


def test_pixels_that_are_not_square_are_told() -> None:
    assert notes({}, grid(spacing=(5.0, 4.0, 6.4))) == ("pixels of 4 x 6.4 mm are not square",)
