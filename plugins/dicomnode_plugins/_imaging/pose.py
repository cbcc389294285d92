"""Rigid and affine motions as six or twelve numbers of one unit, mm."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins._imaging.grids import Array

RADIUS = 80.0
"""mm; a turn of one radian moves a point this far away by this much: turns, stretches and shifts weigh alike."""
RIGID, AFFINE = 6, 12


def matrix(pose: Array) -> Array:
    """3 x 4 matrix on points relative to a pivot.

    Parameters
    ----------
    pose : (6,) or (12,)
        Rotation vector x :data:`RADIUS`, shift, then logarithms of three scales and three shears, each x
        :data:`RADIUS`; all mm.
    """
    angle = float(np.linalg.norm(pose[:3])) / RADIUS + 1e-30
    kx, ky, kz = pose[:3] / RADIUS / angle
    cross = np.array([[0, -kz, ky], [kz, 0, -kx], [-ky, kx, 0]])
    linear = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    if len(pose) == AFFINE:
        shear = np.eye(3)
        shear[[0, 0, 1], [1, 2, 2]] = pose[9:12] / RADIUS
        linear = linear * np.exp(pose[6:9] / RADIUS) @ shear
    return np.column_stack([linear, pose[3:6]])


def matrices(poses: Array) -> Array:
    """:func:`matrix` of many rigid poses (n, 6) at once: (n, 3, 4)."""
    turns = poses[:, :3] / RADIUS
    angles = np.linalg.norm(turns, axis=1)[:, None, None] + 1e-30
    cross = _crosses(turns) / angles
    linear = np.eye(3) + np.sin(angles) * cross + (1 - np.cos(angles)) * cross @ cross
    return np.concatenate([linear, poses[:, 3:6, None]], 2)


def turning(poses: Array, arms: Array, forces: Array) -> Array:
    """What forces at the ends of turned arms do to each pose's rotation: (n, 3), by its numbers.

    Parameters
    ----------
    poses : (n, 6)
    arms, forces : (n, 3)
        The arms as they lie after the turn.
    """
    turns = poses[:, :3] / RADIUS
    angles = np.linalg.norm(turns, axis=1)[:, None] + 1e-12
    axes, moments = turns / angles, np.cross(arms, forces)
    # The transposed left Jacobian of the rotation group (Chirikjian 2012, section 10.6).
    along = (axes * moments).sum(1, keepdims=True) * axes
    across = np.sin(angles) / angles * moments - (1 - np.cos(angles)) / angles * np.cross(axes, moments)
    moments = across + (1 - np.sin(angles) / angles) * along
    return np.asarray(moments / RADIUS, np.float64)


def _crosses(vectors: Array) -> Array:
    """(n, 3, 3) matrices of the cross product with each of (n, 3) vectors."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)


def slopes(pose: Array, step: float = 1e-4) -> Array:
    """Derivative of :func:`matrix` by each number, (12, 6) or (12, 12), by central differences."""
    ways = step * np.eye(len(pose))
    return np.stack([(matrix(pose + way) - matrix(pose - way)).ravel() / (2 * step) for way in ways], 1)


def inverted(pose: Array) -> Array:
    """The motion back: of a rigid one exactly, of an affine one near enough to be refined."""
    motion = matrix(pose[:RIGID])
    return np.concatenate([-pose[:3], -motion[:, :3].T @ motion[:, 3], -pose[RIGID:]])


def stretch(pose: Array) -> float:
    """The largest share by which an affine motion stretches or shears along an axis; 0 of a rigid one."""
    return float(np.abs(pose[RIGID:]).max(initial=0.0)) / RADIUS


def reflected(pose: Array) -> Array:
    """The rigid motion seen in a mirror that exchanges left and right."""
    return pose * (1, -1, -1, -1, 1, 1)


def in_patient(pose: Array, pivot: Array) -> Array:
    """4 x 4 matrix on patient coordinates, mm."""
    relative = matrix(pose)
    full = np.eye(4)
    full[:3, :3] = relative[:, :3]
    full[:3, 3] = relative[:, 3] + pivot - relative[:, :3] @ pivot
    return full


def mirror(pivot: Array) -> Array:
    """4 x 4 matrix that exchanges left and right of patient coordinates about a pivot."""
    full = np.diag([-1.0, 1.0, 1.0, 1.0])
    full[0, 3] = 2 * pivot[0]
    return full


def turn_and_shift(motion: Array, pivot: Array) -> tuple[float, float]:
    """How far a 4 x 4 motion turns, degrees, and how far it moves the pivot, mm."""
    left, _, right = np.linalg.svd(motion[:3, :3])
    cosine = (np.trace(left @ right) - 1) / 2
    shift = motion[:3, :3] @ pivot + motion[:3, 3] - pivot
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))), float(np.linalg.norm(shift))


def distance(one: Array, other: Array, points: Array) -> float:
    """Mean distance, mm, between what two 4 x 4 motions make of points (3, n)."""
    gap = (one - other)[:3]
    return float(np.linalg.norm(gap[:, :3] @ points + gap[:, 3:], axis=0).mean())
