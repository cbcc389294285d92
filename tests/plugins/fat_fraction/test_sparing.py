"""Candidates of focal fatty sparing: one for each thing that is low in fat, also where two touch."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode_plugins.fat_fraction import sparing

SPACING = (8.0, 1.5, 1.5)
SHAPE = (5, 120, 120)


def _inside(row: float, column: float, radius: float) -> np.ndarray:
    """A ball; radius in mm."""
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    distance = np.hypot(np.hypot((z - 2) * SPACING[0], (y - row) * SPACING[1]), (x - column) * SPACING[2])
    return np.asarray(distance < radius)


@pytest.mark.parametrize("brightness", [0.6, 0.75, 0.8])
def test_a_spared_area_beside_a_larger_vessel_is_one_of_its_own(brightness: float) -> None:
    liver = np.zeros(SHAPE, bool)
    liver[:, 5:115, 5:115] = True
    vessel, spared = _inside(60, 50, 18), _inside(60, 70, 12)
    vessel &= ~spared
    percent = np.where(vessel, 0, np.where(spared, 10, 30)).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.02, SHAPE)
    in_phase = (100 * (np.where(vessel, brightness, 1) + noise)).astype(np.float32)
    found = sparing.candidates(percent, in_phase, liver, liver, SPACING)
    held = [[float(area[one.area].mean()) for area in (vessel, spared)] for one in found]
    assert len(found) == 2, held
    assert held[0][0] > 0.95, "the larger one is the vessel"
    assert held[1][1] > 0.75, "smoothed, its border is neither"
    disc = found[1].focus.mask(SHAPE)
    assert spared[disc].all()


def test_an_area_of_one_voxel_on_a_coarse_grid_holds_no_disc() -> None:
    shape, spacing = (3, 24, 24), (8.0, 6.0, 6.0)
    liver = np.ones(shape, bool)
    percent = np.full(shape, 30, np.float32)
    percent[1, 12, 12] = 0
    assert sparing.candidates(percent, np.full(shape, 100, np.float32), liver, liver, spacing) == []


def test_a_noisy_area_is_not_taken_apart() -> None:
    liver = np.zeros(SHAPE, bool)
    liver[:, 5:115, 5:115] = True
    spared = _inside(60, 60, 20)
    percent = np.where(spared, 10, 30).astype(np.float32)
    noise = np.random.default_rng(1).normal(0, 5, SHAPE)
    in_phase = (100 + noise).astype(np.float32)
    assert len(sparing.candidates(percent, in_phase, liver, liver, SPACING)) == 1
