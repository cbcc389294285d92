from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset

from dicomnode.dicom import scaling


def image(slope: float | None = None, intercept: float | None = None, scale: float | None = None) -> Dataset:
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 12, 0
    if slope is not None:
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
    if scale is not None:
        dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(0x0E, "FL", scale)
    return dataset


@pytest.mark.parametrize(
    ("given", "signal"),
    [
        (image(), [0, 100]),
        (image(2.0, -10.0), [-10, 190]),
        (image(2.0, -10.0, 0.5), [-10, 190]),
        (image(2.0, 0.0, 0.25), [0, 400]),
        (image(2.0, 0.0, -1.0), [0, 200]),
    ],
)
def test_stored_values_become_signal_and_a_window_comes_back(given: Dataset, signal: list[float]) -> None:
    scaled = scaling.of(given)
    np.testing.assert_allclose(scaled.signal(np.array([0, 100])), signal)
    centre, width = scaled.stored_window((sum(signal) / 2, signal[1] - signal[0]))
    assert (centre, width) == pytest.approx((50, 100))


@pytest.mark.parametrize(("signed", "black", "white"), [(0, 4095, 0), (1, 2047, -2048)])
@pytest.mark.parametrize("scale", [None, 0.25])
def test_where_the_lowest_value_is_white_it_is_the_highest_signal(
    signed: int, black: int, white: int, scale: float | None
) -> None:
    given, same = image(2.0, -10.0, scale), image(2.0, -10.0, scale)
    given.PhotometricInterpretation, given.PixelRepresentation = "MONOCHROME1", signed
    scaled, stored = scaling.of(given), np.array([black, white + 100, white])
    mirrored = np.array([white, black - 100, black])
    np.testing.assert_allclose(scaled.signal(stored), scaling.of(same).signal(mirrored))
    low, high = scaled.signal(np.array([black, white]))
    assert scaled.stored_window(((low + high) / 2, high - low)) == pytest.approx(((black + white) / 2, black - white))


def test_a_factor_that_is_no_number_is_an_error() -> None:
    dataset = Dataset()
    dataset.add_new(0x00281053, "LO", "steep")
    with pytest.raises(ValueError, match="could not convert"):
        scaling.of(dataset)


def test_every_attribute_it_reads_is_listed() -> None:
    assert {element.tag for element in image(1.0, 0.0, 1.0)} == set(scaling.ATTRIBUTES)
