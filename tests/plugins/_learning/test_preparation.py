from __future__ import annotations

import numpy as np
import pytest

from dicomnode_plugins._learning.preparation import normalised


def volume() -> np.ndarray:
    random = np.random.default_rng(1)
    signal = random.uniform(0, 5, (8, 20, 20)).astype(np.float32)
    signal[:, 4:16, 4:16] = random.normal(100, 10, (8, 12, 12))
    return signal


def test_the_body_has_mean_0_and_spread_1_whatever_the_gain() -> None:
    found = normalised(volume())
    body = found[:, 4:16, 4:16]
    assert (body.mean(), body.std()) == pytest.approx((0, 1), abs=0.02)
    np.testing.assert_allclose(normalised(volume() * np.float32(37.0)), found, atol=1e-3)


def test_a_bright_vessel_is_clipped() -> None:
    signal = volume()
    signal[0, 8, 8] = 1e6
    assert normalised(signal).max() < 4


@pytest.mark.parametrize(("value", "words"), [(np.nan, "no numbers"), (3.0, "one value")])
def test_what_cannot_be_prepared_is_refused(value: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        normalised(np.full((4, 4, 4), value, np.float32))
