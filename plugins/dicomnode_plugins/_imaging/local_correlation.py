"""Squared correlation of two images in many small patches, and the motion that raises it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dicomnode_plugins._imaging.grids import Array, Image, Mask, Values, foreground
from dicomnode_plugins._imaging.pose import matrix, slopes
from dicomnode_plugins._imaging.sampling import Sampler, relative

_STEPS = np.linspace(-3.0, 3.0, 5)
"""mm from a patch's middle to its points along each axis: far enough to hold an edge, near enough for coil shading to
be constant."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """How well each of n patches fits at a pose, and which way it wants to go.

    Attributes
    ----------
    square : (n,)
        Squared correlation, NaN where the patch leaves the outer image.
    uphill : (n, k)
        Half its derivative by the k numbers of the pose.
    curvature : (n, k, k)
        Gauss-Newton matrix.
    """

    square: Array
    uphill: Array
    curvature: Array

    @property
    def score(self) -> float:
        """Mean squared correlation of the patches inside; 0 where there is none."""
        return _mean(self.square)

    def step(self, among: Mask, tether: float = 1e-6) -> Array:
        """The change of the pose that some patches ask for together."""
        curvature, uphill = self.curvature[among].sum(0), self.uphill[among].sum(0)
        loose = tether * np.trace(curvature) / len(uphill) + 1e-9
        wanted: Array = np.linalg.solve(curvature + loose * np.eye(len(uphill)), uphill)
        return wanted


class LocalCorrelation:
    """Patches of the inner image against the outer one, by their squared correlation.

    Linear fits patch by patch do not see coil shading or which tissue is bright. Where a patch of the outer image is
    as flat as its air, its variance counts as noise.

    Parameters
    ----------
    among : (z, y, x) bool
        Voxels of the inner image on which a patch may be centred.
    count : int
        Most patches drawn.
    """

    def __init__(
        self, inner: Image, outer: Image, pivot: Array, among: Mask, count: int, *, mirrored: bool = False
    ) -> None:
        random = np.random.default_rng(0)
        chosen = np.flatnonzero(_clear_of_the_border(among, inner.spacing))
        if len(chosen) > count:
            chosen = np.sort(random.choice(chosen, count, replace=False))
        middles = np.stack(np.unravel_index(chosen, among.shape))[::-1].T + random.uniform(-0.5, 0.5, (len(chosen), 3))
        steps = np.stack(np.meshgrid(*(_STEPS / s for s in inner.spacing), indexing="ij"), -1).reshape(-1, 3)
        self.middles = inner.places(middles.T)
        self._shape = len(chosen), len(steps)
        self._points = relative(inner, (middles[:, None] + steps).reshape(-1, 3).T, pivot)
        own, _, _ = Sampler(inner, pivot)(np.eye(3, 4), self._points)
        own = _centred(own.reshape(self._shape))
        self._own = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), np.float32(1e-6))
        self._outer = Sampler(outer, pivot)
        air = outer.values[~foreground(outer)]
        self._floor = np.float32(len(steps) * float(np.median(air) if len(air) else 1.0) ** 2)
        if mirrored:
            self._points[0] *= -1

    def fit(self, pose: Array) -> Fit:
        """Score, gradient and curvature of every patch."""
        value, gradient, within = self._outer(matrix(pose), self._points)
        value = _centred(value.reshape(self._shape))
        power = (value * value).sum(1) + self._floor
        dot = (self._own * value).sum(1)
        square = dot * dot / power
        products = (gradient[:, None] * self._points[None]).reshape(12, -1)
        drive = (slopes(pose).T.astype(np.float32) @ products).reshape(len(pose), *self._shape).transpose(1, 0, 2)
        drive = np.ascontiguousarray(_centred(drive))
        along = (drive @ self._own[:, :, None])[:, :, 0]
        across = (drive @ value[:, :, None])[:, :, 0]
        inside = within.reshape(self._shape).all(1)
        weight = np.where(inside, square / power, 0).astype(np.float64)
        curvature = drive @ drive.transpose(0, 2, 1) - along[:, :, None] * along[:, None, :]
        return Fit(
            square=np.where(inside, square, np.nan).astype(np.float64),
            uphill=weight[:, None] * (dot[:, None] * along - square[:, None] * across),
            curvature=weight[:, None, None] * curvature,
        )

    def score(self, pose: Array) -> float:
        """Mean squared correlation of the patches inside; 0 where there is none."""
        return _mean(self.squares(pose))

    def squares(self, pose: Array) -> Array:
        """Squared correlation of every patch, NaN where it leaves the outer image."""
        return self.squares_at(matrix(pose), self._points)

    @property
    def points(self) -> Values:
        """Of the patches, homogeneous, (4, n), mm from the pivot."""
        return self._points

    def squares_at(self, motion: Array, points: Values) -> Array:
        """The same where each of the :attr:`points` has moved on its own before the motion (3, 4)."""
        value, _, within = self._outer(motion, points)
        value = _centred(value.reshape(self._shape))
        square = (self._own * value).sum(1) ** 2 / ((value * value).sum(1) + self._floor)
        return np.where(within.reshape(self._shape).all(1), square, np.nan).astype(np.float64)

    def climb(self, pose: Array, steps: int, among: Mask | None = None) -> Array:
        """The pose after some Gauss-Newton steps of at most 2 mm, on all patches or on some."""
        chosen = np.ones(self._shape[0], bool) if among is None else among
        for _ in range(steps):
            move = self.fit(pose).step(chosen)
            longest = float(np.abs(move).max())
            pose = pose + move * min(1.0, 2.0 / max(longest, 1e-9))
            if longest < 0.005:
                break
        return pose


def _mean(squares: Array) -> float:
    return float(np.nanmean(squares)) if np.isfinite(squares).any() else 0.0


def _centred(values: Values) -> Values:
    centred: Values = values - values.mean(-1, keepdims=True)
    return centred


def _clear_of_the_border(among: Mask, spacing: Array) -> Mask:
    """Voxels whose whole patch lies in the image; of an image thinner than a patch, none."""
    clear = np.zeros_like(among)
    reach = np.ceil(_STEPS[-1] / spacing[::-1] + 0.5).astype(int)
    within = tuple(slice(r, max(n - r, r)) for r, n in zip(reach, among.shape, strict=True))
    clear[within] = among[within]
    return clear
