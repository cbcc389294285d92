"""Normalised mutual information of two images and its gradient, at random points of one of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import optimize

from dicomnode_plugins._imaging.grids import Array, Image, Mask, Values
from dicomnode_plugins._imaging.pose import matrix, slopes
from dicomnode_plugins._imaging.sampling import Sampler, relative

_BINS = 32
_FEWEST = 200
"""Points inside both images without which nothing is said."""


class MutualInformation:
    """(H(inner) + H(outer)) / H(inner, outer) at points of the inner image (Studholme 1999).

    The inner image's own values are binned, those of the outer one spread over four bins by a cubic B-spline (Parzen
    window), so that the measure is smooth. Points are jittered by half a voxel: without it the measure favours
    whole-voxel shifts.

    Parameters
    ----------
    inner, outer : Image
    pivot : (3,)
        LPS, mm.
    among : (z, y, x) bool
        Voxels of the inner image to draw from. Air widens the reach of the measure and shifts its optimum by some
        tenths of a millimetre: use it in the search, not at the end.
    count : int
        Most points drawn.
    mirrored : bool
        Whether x is turned round about the pivot before any motion.
    """

    def __init__(
        self, inner: Image, outer: Image, pivot: Array, among: Mask, count: int, *, mirrored: bool = False
    ) -> None:
        random = np.random.default_rng(0)
        chosen = np.flatnonzero(among)
        if len(chosen) > count:
            chosen = np.sort(random.choice(chosen, count, replace=False))
        voxels = np.stack(np.unravel_index(chosen, among.shape))[::-1]
        jittered = (voxels + random.uniform(-0.5, 0.5, voxels.shape)).clip(0, inner.size[:, None] - 1)
        self._points = relative(inner, jittered, pivot)
        own, _, _ = Sampler(_in_bins(inner), pivot)(np.eye(3, 4), self._points)
        self._rows = np.rint(own).astype(np.intp).clip(0, _BINS - 1) * _BINS
        self._outer = Sampler(_in_bins(outer), pivot)
        if mirrored:
            self._points[0] *= -1

    def __call__(self, motion: Array) -> tuple[float, Array, float]:
        """Value, gradient by the 3 x 4 matrix, and the share of points inside the outer image."""
        nmi, forces, share = self.forces(motion, self._points)
        return nmi, np.asarray(forces @ self._points.T, np.float64), share

    @property
    def points(self) -> Values:
        """Homogeneous, (4, n), mm from the pivot."""
        return self._points

    def forces(self, motion: Array, points: Values) -> tuple[float, npt.NDArray[np.floating], float]:
        """Value where each point has moved on its own before the motion, and its derivative by the places it ends at.

        Parameters
        ----------
        motion : (3, 4)
        points : (4, n)
            Homogeneous, in the order of :attr:`points`.

        Returns
        -------
        value : float
        forces : (3, n)
            Per mm, in the outer image's patient coordinates; 0 of points outside it.
        share : float
            Of the points that are inside.
        """
        value, gradient, within = self._outer(motion, points)
        count = int(np.count_nonzero(within))
        if count < _FEWEST:
            return 0.0, np.zeros_like(gradient), 0.0
        floor = np.floor(value)
        at = self._rows + floor.astype(np.intp) - 1
        weights, changes = _parzen(value - floor)
        joint = np.zeros(_BINS * _BINS)
        for step, weight in enumerate(weights):
            joint += np.bincount(at + step, weight * within, _BINS * _BINS)
        nmi, pull = _nmi((joint / count).reshape(_BINS, _BINS))
        flat = pull.ravel().astype(np.float32)
        force = sum(flat.take(at + step) * change for step, change in enumerate(changes))
        force = np.where(within, force, 0) / np.float32(count)
        return nmi, gradient * force, count / len(within)

    def climb(self, pose: Array, steps: int) -> Array:
        """The pose of the nearest maximum, by L-BFGS."""

        def cost(pose: Array) -> tuple[float, Array]:
            nmi, gradient, _ = self(matrix(pose))
            return -100 * nmi, -100 * (slopes(pose).T @ gradient.ravel())

        limits = {"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-7, "gtol": 1e-5}
        found: Array = optimize.minimize(cost, pose, jac=True, method="L-BFGS-B", options=limits).x
        return found


def _in_bins(image: Image) -> Image:
    """Values scaled so that the cubic window of every value lies in the histogram."""
    low, high = np.percentile(image.values.ravel()[::7], (0.5, 99.5)).astype(np.float32)
    scaled = np.clip((image.values - low) / max(high - low, np.float32(1e-6)), 0, 1)
    return Image(values=scaled * np.float32(_BINS - 4) + np.float32(1.5), affine=image.affine)


def _parzen(t: Values) -> tuple[tuple[npt.NDArray[np.floating], ...], tuple[npt.NDArray[np.floating], ...]]:
    """Weights of the four bins about a value at ``t`` between two of them, and their derivatives."""
    u, t2, t3 = 1 - t, t * t, t * t * t
    weights = u * u * u / 6, (3 * t3 - 6 * t2 + 4) / 6, (-3 * t3 + 3 * t2 + 3 * t + 1) / 6, t3 / 6
    return weights, (-u * u / 2, (3 * t2 - 4 * t) / 2, (-3 * t2 + 2 * t + 1) / 2, t2 / 2)


def _nmi(joint: npt.NDArray[np.float64]) -> tuple[float, Array]:
    """The measure of a joint histogram that sums to one, and its derivative by each of its cells."""
    rows, columns = joint.sum(1), joint.sum(0)
    log, log_rows, log_columns = (np.log(np.maximum(p, 1e-12)) for p in (joint, rows, columns))
    entropy = -float((joint * log).sum())
    nmi = -float((rows * log_rows).sum() + (columns * log_columns).sum()) / max(entropy, 1e-12)
    return nmi, (nmi * log - log_rows[:, None] - log_columns) / max(entropy, 1e-12)
