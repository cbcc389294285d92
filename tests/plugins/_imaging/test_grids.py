"""Block means keep their place; the foreground is the body."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Image, foreground, inside, otsu, shrink


def ramp(shape: tuple[int, int, int], affine: np.ndarray) -> Image:
    """The x coordinate of every voxel, LPS mm."""
    voxels = np.indices(shape)[::-1].reshape(3, -1)
    image = Image(values=np.zeros(shape, np.float32), affine=affine)
    return Image(values=image.places(voxels)[0].reshape(shape).astype(np.float32), affine=affine)


def oblique() -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = np.array([(0.8, -0.6, 0), (0.6, 0.8, 0), (0, 0, 1)]) * (0.5, 0.7, 2.0)
    affine[:3, 3] = 10, -20, 30
    return affine


def test_block_means_of_a_ramp_are_the_ramp_of_the_block_middles() -> None:
    image = ramp((9, 21, 26), oblique())
    small = shrink(image, 1.5)
    assert small.values.shape == (9, 10, 8)
    assert np.allclose(small.spacing, (1.5, 1.4, 2.0))
    assert np.allclose(small.values, ramp((9, 10, 8), small.affine).values, atol=1e-5)


def test_what_is_coarse_enough_is_left_alone() -> None:
    image = ramp((4, 5, 6), np.diag([2.0, 2.0, 2.0, 1.0]))
    assert shrink(image, 1.5) is image


def test_at_least_four_voxels_are_left() -> None:
    assert shrink(ramp((5, 8, 9), np.eye(4)), 100.0).values.shape == (5, 4, 4)


def test_the_threshold_lies_between_two_classes() -> None:
    values = np.concatenate([np.full(900, 1.0), np.full(300, 9.0)]).astype(np.float32)
    assert 1.0 < otsu(values) < 9.0


def ball(radius: float, hole: float = 0.0) -> Image:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -60
    centre = np.linalg.norm(ramp_of_places((61, 61, 61), affine), axis=0)
    values = np.where((centre < radius) & (centre >= hole), 400.0, 5.0)
    return Image(values=values.astype(np.float32), affine=affine)


def ramp_of_places(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    image = Image(values=np.zeros(shape, np.float32), affine=affine)
    return image.places(np.indices(shape)[::-1].reshape(3, -1)).reshape(3, *shape)


def test_the_foreground_is_the_ball_and_one_coarse_cell_around_it() -> None:
    image = ball(40.0)
    mask, true = foreground(image), image.values > 100
    assert mask[true].all()
    depth = np.linalg.norm(ramp_of_places(mask.shape, image.affine), axis=0)
    assert depth[mask].max() < 40 + 2 * 6 * np.sqrt(3)


def test_a_cavity_is_no_surface() -> None:
    image = ball(50.0, hole=10.0)
    deep = inside(image, 16.0)
    depth = np.linalg.norm(ramp_of_places(deep.shape, image.affine), axis=0)
    assert deep[depth < 12].all()
    assert depth[deep].max() < 50


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_image_of_one_value_has_some_answer(value: float) -> None:
    image = Image.of(Volume(array=np.full((8, 9, 10), value, np.float32), affine=np.eye(4)))
    assert foreground(image).shape == inside(image, 3.0).shape == (8, 9, 10)
