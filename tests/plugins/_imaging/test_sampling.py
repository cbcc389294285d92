"""Trilinear values and gradients."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins._imaging.grids import Image
from dicomnode_plugins._imaging.pose import in_patient, matrix
from dicomnode_plugins._imaging.sampling import Sampler, relative

PIVOT = np.array([3.0, -4.0, 5.0])


def linear_image() -> tuple[Image, np.ndarray]:
    """An image that is linear in patient coordinates, on an oblique grid, and its gradient per mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.array([(0.8, -0.6, 0), (0.6, 0.8, 0), (0, 0, 1)]) * (1.5, 0.7, 2.0)
    affine[:3, 3] = -8, -9, -10
    slope = np.array([2.0, -3.0, 0.5])
    empty = Image(values=np.zeros((12, 20, 16), np.float32), affine=affine)
    places = empty.places(np.indices((12, 20, 16))[::-1].reshape(3, -1))
    return Image(values=(slope @ places).reshape(12, 20, 16).astype(np.float32), affine=affine), slope


def test_a_linear_image_is_read_exactly_at_moved_points() -> None:
    image, slope = linear_image()
    voxels = np.random.default_rng(0).uniform(5, 9, (3, 50))
    pose = np.array([5.0, -3.0, 8.0, 0.6, -0.4, 0.2])
    values, gradients, inside = Sampler(image, PIVOT)(matrix(pose), relative(image, voxels, PIVOT))
    moved = in_patient(pose, PIVOT) @ np.vstack([image.places(voxels), np.ones(50)])
    assert inside.all()
    assert np.allclose(values, slope @ moved[:3], atol=1e-3)
    assert np.allclose(gradients, slope[:, None], atol=1e-3)


def test_what_leaves_the_image_is_told() -> None:
    image, _ = linear_image()
    voxels = np.array([(0, 15, 15.1, -0.1), (0, 19, 5, 5), (0, 11, 5, 5)], float)
    _, _, inside = Sampler(image, PIVOT)(np.eye(3, 4), relative(image, voxels, PIVOT))
    # Corners themselves may fall to either side in single precision.
    assert inside[2:].tolist() == [False, False]
    within = np.array([[7.0], [7.0], [7.0]])
    assert Sampler(image, PIVOT)(np.eye(3, 4), relative(image, within, PIVOT))[2].all()
