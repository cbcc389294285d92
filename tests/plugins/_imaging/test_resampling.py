"""Resampling puts values where they belong."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.pose import in_patient
from dicomnode_plugins._imaging.resampling import onto
from tests.plugins._imaging.test_grids import oblique, ramp


def test_a_ramp_seen_through_a_motion() -> None:
    source = ramp((30, 60, 80), oblique())
    affine = np.diag([1.0, 1.5, 2.5, 1.0])
    affine[:3, 3] = source.centre - (4, 6, 8)
    fixed = Volume(array=np.zeros((6, 7, 8), np.float32), affine=affine)
    matrix = in_patient(np.array([4.0, -6.0, 8.0, 0.3, 0.2, -0.1]), source.centre)
    moved = onto(fixed, Volume(array=source.values, affine=source.affine), matrix)
    places = affine[:3, :3] @ np.indices((6, 7, 8))[::-1].reshape(3, -1) + affine[:3, 3:]
    wanted = (matrix[:3, :3] @ places + matrix[:3, 3:])[0].reshape(6, 7, 8)
    assert np.allclose(moved, wanted, atol=0.01)


def test_outside_is_nothing() -> None:
    source = Volume(array=np.ones((5, 5, 5), np.float32), affine=np.eye(4))
    far = np.eye(4)
    far[:3, 3] = 100
    assert not onto(source, source, far).any()
