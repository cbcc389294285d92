"""Statistics of a volume: no receiver's gain shows in them, a changed protocol does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dicomnode_plugins._learning.statistics import image_statistics

NAMES = ("bright", "peak", "dark", "air", "noise", "slice")


def volume(noise: float = 1.0, seed: int = 0) -> np.ndarray:
    """A bright block in dark surroundings."""
    made = np.abs(np.random.default_rng(seed).normal(0, noise, (6, 24, 24)))
    made[:, 6:18, 6:18] += 100
    return made.astype(np.float32)


def test_each_volume_has_six_by_name() -> None:
    found = image_statistics({"t1": volume(), "t2": volume(seed=1)})
    assert set(found) == {f"{name}_{what}" for name in ("t1", "t2") for what in NAMES}
    assert all(math.isfinite(value) for value in found.values())


def test_the_values_are_those_of_a_ramp() -> None:
    ramp = np.broadcast_to(np.arange(101, dtype=np.float32), (3, 5, 101)) * 2
    found = image_statistics({"x": ramp.astype(np.float32)})
    shares = {"bright": 90 / 75, "peak": 99 / 75, "dark": 25 / 75, "air": 2 / 75, "noise": 0, "slice": 0}
    assert found == {f"x_{what}": pytest.approx(math.log(share + 1e-3), abs=1e-6) for what, share in shares.items()}


def test_a_gain_does_not_show() -> None:
    one, other = (image_statistics({"x": volume() * gain}) for gain in (np.float32(1), np.float32(37)))
    assert one == pytest.approx(other, abs=1e-4)


def test_noise_shows_in_noise() -> None:
    quiet, loud = (image_statistics({"x": volume(noise)}) for noise in (1.0, 5.0))
    assert math.log(3) < loud["x_noise"] - quiet["x_noise"] < math.log(5)


def test_an_empty_volume_is_all_floor() -> None:
    found = image_statistics({"x": np.zeros((2, 3, 3), np.float32)})
    assert set(found.values()) == {math.log(1e-3)}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (np.zeros((1, 9, 9), np.float32), r"t1: \(1, 9, 9\) is too small"),
        (np.zeros((4, 2, 9), np.float32), r"t1: \(4, 2, 9\) is too small"),
        (np.full((4, 9, 9), np.nan, np.float32), "t1: the volume holds values that are no numbers"),
    ],
)
def test_what_has_no_statistics_is_named(wrong: np.ndarray, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        image_statistics({"t1": wrong})
