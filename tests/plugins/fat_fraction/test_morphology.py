"""Fast forms of morphology and median against what they stand for: distances, and a filter for any size."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from dicomnode_plugins.fat_fraction import morphology, scene

SPACINGS = [(5.0, 1.4, 1.4), (4.0, 0.9, 1.3), (6.0, 1.0, 1.0)]


def blobs(shape: tuple[int, int, int], share: float) -> np.ndarray:
    """About this share of the voxels, in parts of a few voxels; the first plane empty, the last one full."""
    values = ndimage.gaussian_filter(np.random.default_rng(3).random(shape), (0, 2, 2), mode="wrap")
    mask = values > np.quantile(values, 1 - share)
    mask[0], mask[-1] = False, True
    return mask


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("shape", [(5, 40, 50), (4, 5, 3), (3, 1, 1)])
@pytest.mark.parametrize("width", [1.0, 2.0, 3.0, 5.0, 15.0])
def test_widened_and_eroded_are_those_of_distances(
    spacing: tuple[float, float, float], shape: tuple[int, int, int], width: float
) -> None:
    for share in (0.05, 0.5, 0.95):
        mask = blobs(shape, share)
        assert np.array_equal(morphology.widened(mask, width, spacing), morphology.depth(~mask, spacing) <= width)
        assert np.array_equal(morphology.eroded(mask, width, spacing), morphology.depth(mask, spacing) > width)


@pytest.mark.parametrize("shape", [(40, 50), (3, 3), (1, 2), (7, 1)])
def test_the_median_is_that_of_nine_neighbours(shape: tuple[int, int]) -> None:
    for highest in (3, 1000):  # with and without many equal values
        plane = np.random.default_rng(4).integers(0, highest, shape).astype(np.float32)
        assert np.array_equal(scene._median(plane), ndimage.median_filter(plane, (3, 3)))
