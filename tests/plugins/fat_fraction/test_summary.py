"""The page that sums up a result."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk import Finding, Measurement, QualitativeEvaluation
from dicomnode.sdk.codes import FAT_FRACTION, MEDIAN, PERCENT, RATIO
from dicomnode_plugins._imaging import lettering
from dicomnode_plugins.fat_fraction import codes, summary
from dicomnode_plugins.fat_fraction.run import METHOD

FRAMES = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 100, 200, 3), np.uint8) * 40


def page(*findings: Finding) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return summary.page("A map", ("in_phase",), FRAMES, (1, 2, 4), findings).frames[0]


def test_three_slices_stand_beside_each_other() -> None:
    drawn = page()
    levels = [drawn[60, column, 0] for column in (100, 500, 900)]
    assert levels == [40, 80, 160]


def test_every_number_and_word_makes_a_line() -> None:
    number = Measurement(name=FAT_FRACTION, value=12.345, unit=PERCENT, of="Liver", derivation=MEDIAN)
    ratio = Measurement(name=codes.ENHANCEMENT, value=0.5, unit=RATIO, of="ROI 1")
    word = QualitativeEvaluation(name=codes.CAUTION, value="mind the gap")
    lines = summary._lines([number, word, ratio])
    assert lines == ["Liver: Fat fraction Median 12.35 %", f"ROI 1: {codes.ENHANCEMENT.meaning} 0.50 ratio",
                     "Caution: mind the gap"]  # fmt: skip
    assert page(number, word).shape[0] > page(number).shape[0] > page().shape[0]


def test_every_sign_of_the_method_is_drawn() -> None:
    assert set(METHOD.upper()) <= set(lettering._DOTS), "brackets carry the meaning of the formula"


def test_a_long_statement_is_wrapped_inside_the_page() -> None:
    drawn = page(QualitativeEvaluation(name=codes.CAUTION, value="word " * 200))
    assert drawn.shape[1] == 1024
    assert not drawn[:, -summary._MARGIN + 4 :].any()
    assert not drawn[-40:].any(), "room for the mark of the node"


@pytest.mark.parametrize(
    ("wanted", "expected"), [((), (2, 4, 6)), ((5,), (2, 4, 5)), ((1, 3, 7), (1, 3, 7)), ((4,), (2, 4, 6))]
)
def test_slices_with_regions_come_first(wanted: tuple[int, ...], expected: tuple[int, ...]) -> None:
    region, areas = np.zeros((10, 4, 4), bool), np.zeros((10, 4, 4), bool)
    region[:9] = True
    areas[list(wanted)] = True
    assert summary.slices(region, areas) == expected
