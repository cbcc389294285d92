from __future__ import annotations

import numpy as np
import pytest
from pydicom import Dataset

from dicomnode.dicom import scaling


def image(slope: float | None = None, intercept: float | None = None, scale: float | None = None) -> Dataset:
    dataset = Dataset()
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


def test_a_factor_that_is_no_number_is_an_error() -> None:
    dataset = Dataset()
    dataset.add_new(0x00281053, "LO", "steep")
    with pytest.raises(ValueError, match="could not convert"):
        scaling.of(dataset)


def test_every_attribute_it_reads_is_listed() -> None:
    assert {element.tag for element in image(1.0, 0.0, 1.0)} == set(scaling.ATTRIBUTES)
