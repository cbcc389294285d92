"""Six and twelve numbers, and the motions they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dicomnode_plugins._imaging.pose import (
    AFFINE,
    RADIUS,
    RIGID,
    distance,
    in_patient,
    inverted,
    matrices,
    matrix,
    mirror,
    reflected,
    slopes,
    stretch,
    turn_and_shift,
    turning,
)

poses = arrays(np.float64, RIGID, elements=st.floats(-60, 60))
points = arrays(np.float64, 3, elements=st.floats(-200, 200))


@given(poses)
def test_six_numbers_are_a_rigid_motion(pose: np.ndarray) -> None:
    linear = matrix(pose)[:, :3]
    assert np.allclose(linear @ linear.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(linear) == pytest.approx(1)


@given(poses, points)
def test_there_and_back_is_nowhere(pose: np.ndarray, pivot: np.ndarray) -> None:
    assert np.allclose(in_patient(inverted(pose), pivot) @ in_patient(pose, pivot), np.eye(4), atol=1e-6)


@given(poses, points)
def test_the_mirror_image_of_a_motion(pose: np.ndarray, pivot: np.ndarray) -> None:
    seen = mirror(pivot) @ in_patient(pose, pivot) @ mirror(pivot)
    assert np.allclose(in_patient(reflected(pose), pivot), seen, atol=1e-6)


@pytest.mark.parametrize("size", [RIGID, AFFINE])
def test_the_derivative_is_what_a_small_step_does(size: int) -> None:
    pose = np.random.default_rng(2).normal(0, 8, size)
    step = 1e-3 * np.random.default_rng(3).normal(size=size)
    change = (matrix(pose + step) - matrix(pose - step)).ravel() / 2
    assert np.allclose(slopes(pose) @ step, change, atol=1e-9)


def test_turns_and_shifts_are_told_in_degrees_and_mm() -> None:
    pose = np.array([0, 0, np.deg2rad(12) * RADIUS, 3, 0, 4])
    pivot = np.array([10.0, 20.0, 30.0])
    assert turn_and_shift(in_patient(pose, pivot), pivot) == pytest.approx((12, 5))


def test_a_stretch_keeps_the_pivot() -> None:
    pose = np.zeros(AFFINE)
    pose[6] = np.log(1.02) * RADIUS
    full = in_patient(pose, np.array([5.0, 6.0, 7.0]))
    assert np.allclose(full @ (5, 6, 7, 1), (5, 6, 7, 1))
    assert np.allclose(full @ (105, 6, 7, 1), (107, 6, 7, 1))


def test_the_way_back_of_a_stretch_is_near_and_its_size_is_told() -> None:
    pose = np.concatenate([np.full(6, 8.0), RADIUS * np.array([0.02, -0.03, 0.0, 0.01, 0.0, 0.0])])
    assert stretch(pose) == pytest.approx(0.03)
    assert stretch(pose[:RIGID]) == 0
    gone = in_patient(inverted(pose), np.zeros(3)) @ in_patient(pose, np.zeros(3))
    assert distance(gone, np.eye(4), np.array([[50.0], [0.0], [-50.0]])) < 1.5


def test_the_distance_between_motions_is_the_mean_over_the_points() -> None:
    moved = np.eye(4)
    moved[0, 3] = 2.0
    assert distance(moved, np.eye(4), np.zeros((3, 5))) == pytest.approx(2)


def test_many_poses_at_once_are_the_same_motions() -> None:
    poses = np.random.default_rng(0).normal(0, 20, (5, 6))
    poses[0] = 0
    assert np.allclose(matrices(poses), [matrix(one) for one in poses], atol=1e-12)


def test_forces_at_turned_arms_are_the_derivative_of_their_work() -> None:
    random = np.random.default_rng(1)
    poses, arms, forces = random.normal(0, 30, (4, 6)), random.normal(0, 50, (4, 3)), random.normal(size=(4, 3))

    def work(poses: np.ndarray) -> np.ndarray:
        return ((matrices(poses)[:, :, :3] @ arms[:, :, None])[:, :, 0] * forces).sum(1)

    turned = (matrices(poses)[:, :, :3] @ arms[:, :, None])[:, :, 0]
    ways = 1e-4 * np.eye(6)[:3]
    expected = np.stack([(work(poses + way) - work(poses - way)) / 2e-4 for way in ways], 1)
    assert np.allclose(turning(poses, turned, forces), expected, atol=1e-6)
