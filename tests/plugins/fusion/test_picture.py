"""Pixels of the fused pictures and the projections."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.hot_iron import colours
from dicomnode_plugins.fusion import picture, projections
from dicomnode_plugins.fusion.picture import OPACITY, fused


def test_fusion_is_the_formula() -> None:
    base = np.array([[0.0, 50.0, 100.0, 100.0]], np.float32)
    overlay = np.array([[0.0, 0.0, 0.0, 20.0]], np.float32)
    pixels = fused(base, (0.0, 100.0), overlay, (10.0, 20.0))
    assert pixels[0, :3].tolist() == [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    assert pixels[0, 3].tolist() == [255, 255, 255]
    half = fused(base[:, 2:3], (0.0, 100.0), np.full((1, 1), 15.0, np.float32), (10.0, 20.0))
    weight = OPACITY / 2
    assert half[0, 0].tolist() == [round((1 - weight) * 255 + weight * c) for c in (255, 0, 0)]


def test_the_bar_stands_at_the_right_and_the_name_at_the_left() -> None:
    base = Volume(array=np.zeros((2, 100, 200), np.float32), affine=np.eye(4))
    pixels = picture.fused_slices(base, (0.0, 1.0), base.array, (3.0, 40.0))
    bar = pixels[0, 25:75, -7:-2]
    assert np.array_equal(bar[:, 0], colours(np.linspace(1, 0, 50, dtype=np.float32)).astype(np.uint8))
    assert pixels[0, :8, :60].any()
    assert not pixels[0, 60:, :150].any()


def test_side_by_side_neither_series_is_moved() -> None:
    random = np.random.default_rng(0)
    base, overlay = (
        Volume(array=random.uniform(0, 900, shape).astype(np.float32), affine=np.eye(4))
        for shape in ((30, 80, 60), (10, 64, 50))
    )
    pixels = picture.side_by_side(base, overlay)
    assert pixels.shape == (10, 80, 110, 3)
    assert np.array_equal(pixels[0, 40, 60:, 0], picture._planes(overlay, picture.gray_window(overlay))[0, 32])


def spot() -> Volume:
    """One bright voxel 20 mm left of and 30 mm above the middle of an axial volume of 2 mm voxels."""
    array = np.zeros((41, 41, 41), np.float32)
    array[35, 20, 30] = 1000
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -40
    return Volume(array=array, affine=affine)


def test_slabs_show_the_patient_s_left_at_the_right_and_the_head_up() -> None:
    slabs = projections.coronal_slabs(spot(), (0.0, 1000.0))
    assert slabs.shape == (7, 81, 81, 3)
    seen = [tuple(np.argwhere(slab[..., 2] == 255).mean(0)) for slab in slabs if (slab[..., 2] == 255).any()]
    assert len(seen) == 2
    assert seen[0] == pytest.approx((10, 60))


def test_a_turn_shows_every_side_once() -> None:
    turning = projections.rotating(spot(), (0.0, 500.0))
    assert len(turning) == 24
    across = [np.argwhere(view[..., 0] > 120)[:, 1].mean() - (view.shape[1] - 1) / 2 for view in turning]
    expected = 20 / 1.5 * np.cos(np.arange(24) * np.pi / 12)
    assert np.allclose(across, expected, atol=1.0)
