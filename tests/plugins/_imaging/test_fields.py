"""Displacement fields of known motions."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import fields
from dicomnode_plugins._imaging.resampling import onto

TURNED = np.array([(0.96, -0.28, 0, 3), (0.28, 0.96, 0, -2), (0, 0, 1, 4), (0, 0, 0, 1)], float)


def volume(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Volume:
    """Noise on an oblique grid about the origin."""
    affine = TURNED @ np.diag([*spacing, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    return Volume(array=np.random.default_rng(0).uniform(1, 2, shape).astype(np.float32), affine=affine)


def test_a_rigid_motion_as_a_field_resamples_as_itself() -> None:
    fixed, moving = volume((9, 20, 22), (1.5, 1.7, 3.0)), volume((30, 40, 44), (1.0, 1.0, 1.2))
    field = fields.field(fixed, lambda places: TURNED[:3, :3] @ places + TURNED[:3, 3:])
    wanted = onto(fixed, moving, TURNED)
    known = wanted > 0
    assert known.mean() > 0.8
    assert np.allclose(fields.through(field, fixed, moving)[known], wanted[known], atol=1e-3)
    assert np.allclose(fields.jacobian(field), 1, atol=1e-9)


@pytest.mark.parametrize(("scales", "determinant"), [((1.1, 1.1, 1.1), 1.331), ((-1, 1, 1), -1), ((1, 0.5, 1), 0.5)])
def test_the_jacobian_says_how_much_tissue_grows(scales: tuple[float, float, float], determinant: float) -> None:
    fixed = volume((9, 20, 22), (1.5, 1.7, 3.0))
    field = fields.field(fixed, lambda places: np.array(scales)[:, None] * places)
    assert np.allclose(fields.jacobian(field), determinant, atol=1e-9)
