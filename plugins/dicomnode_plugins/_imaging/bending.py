"""Follow a neck that was bent between two images: a rigid motion that changes smoothly from a hinge down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import fields
from dicomnode_plugins._imaging.grids import Array, Image, Mask, Values, inside, shrink
from dicomnode_plugins._imaging.local_correlation import LocalCorrelation
from dicomnode_plugins._imaging.mutual_information import MutualInformation
from dicomnode_plugins._imaging.pose import RADIUS, RIGID, matrices, turning
from dicomnode_plugins._imaging.registration import DEPTH, FINE, MIDDLE
from dicomnode_plugins._imaging.resampling import resampled

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - its users know it by this name

GAIN = "local correlation of the neck gained by the bend"
SURENESS = "that gain over its standard error"
LARGEST = "largest motion by the bend, mm"
SHRUNK, GROWN = "least Jacobian determinant", "largest Jacobian determinant"
INFORMATION = "normalised mutual information of the neck gained by the bend"
SOUND: Mapping[str, tuple[float, float]] = MappingProxyType(
    {GAIN: (0.003, 1.0), SURENESS: (4.0, np.inf), LARGEST: (0.0, 60.0), SHRUNK: (0.5, 2.0), GROWN: (0.5, 2.0)}
)
"""Least and largest value of the figures of a bend that is followed: necks that were not bent gain 0.0003 at most."""

_KNOTS = 30.0  # mm
_BELOW = 8.0
"""Percent of the moving image's deep foreground, on which the rigid motion was found, that may lie below the hinge."""
_NEAR = 10.0  # mm
_SKIN = 6.0
"""mm below the surface, where points begin."""
_FEWEST = 500
_STIFF = 0.0005
"""Per mm2 of the change of turning between neighbouring knots: a neck bends evenly."""
_LONG = 0.001
"""Per mm2 of shift: vertebrae keep their distance, and what is alike along the spine does not show a shift."""
_FLEXED = np.deg2rad(np.arange(-16.0, 17.0, 4.0)) * RADIUS
_TRIED = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bend:
    """Rigid motions along the patient's axis, a cubic B-spline of their six numbers; none above the hinge.

    Attributes
    ----------
    hinge : (3,)
        LPS mm.
    low : float
        Height, LPS z in mm, below which the motion stays the same.
    knots : (n, 6)
        Numbers of :mod:`dicomnode_plugins._imaging.pose` about the hinge, 30 mm apart, from the hinge down.
    """

    hinge: Array
    low: float
    knots: Array

    def shares(self, heights: Array) -> Array:
        """Weight of each knot at heights (m,), LPS z in mm: (m, n)."""
        down = np.clip((self.hinge[2] - heights) / _KNOTS, 0, (self.hinge[2] - self.low) / _KNOTS)
        away = np.abs(down[:, None] - np.arange(2, 2 + len(self.knots)))
        shares: Array = np.where(away < 1, 4 - 6 * away**2 + 3 * away**3, np.clip(2 - away, 0, None) ** 3) / 6
        return shares

    def moved(self, places: Array) -> Array:
        """Where places (3, m), LPS mm, end."""
        motions = matrices(self.shares(places[2]) @ self.knots)
        arms = (motions[:, :, :3] @ (places.T - self.hinge)[:, :, None])[:, :, 0]
        ends: Array = (arms + motions[:, :, 3] + self.hinge).T
        return ends


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bending:
    """A bend before a rigid motion, both as one field of displacements on the fixed volume, and what speaks for it."""

    bend: Bend
    displacements: sitk.Image
    figures: Mapping[str, float]


def bending(fixed: Volume, moving: Volume, matrix: Array) -> Bending | None:
    """How the neck of a fixed volume bends before a rigid motion takes it onto the moving one; None without a neck.

    The rigid motion is right for the head, where nothing changes. Below a hinge it changes from height to height, so
    that every vertebra stays nearly rigid (the idea of polyrigid motions, Arsigny 2005). Normalised mutual information
    with the root of the moving image, in which the dark muscles of a neurogram differ from air, finds it; local
    correlation, which had no part in that, judges it.

    Parameters
    ----------
    matrix : (4, 4)
        From patient coordinates of the fixed volume to those of the moving one, LPS mm.
    """
    fine = shrink(Image.of(fixed), FINE), shrink(Image.of(moving), FINE)
    middle = shrink(fine[0], MIDDLE), shrink(fine[1], MIDDLE)
    hinge = _hinge(middle[0], fine[1], matrix)
    if hinge is None:
        return None
    coarse = _Neck(middle, hinge, matrix, 15000)
    if coarse.measure.points.shape[1] < _FEWEST:
        return None
    bent = coarse.search()
    exact = _Neck(fine, hinge, matrix, 30000)
    bent = exact.climb(bent, 20)
    displacements = fields.field(fixed, lambda places: _through(matrix, bent.moved(places)))
    determinants = fields.jacobian(displacements)
    figures = {
        INFORMATION: exact.information(bent) - exact.information(_straight(bent)),
        **_judged(fine, bent, exact.motion),
        SHRUNK: float(determinants.min()),
        GROWN: float(determinants.max()),
        LARGEST: exact.largest(bent),
    }
    return Bending(bend=bent, displacements=displacements, figures=figures)


class _Neck:
    """Mutual information of what lies below the hinge, as a function of the bend."""

    def __init__(self, level: tuple[Image, Image], hinge: Array, matrix: Array, count: int) -> None:
        self.hinge = hinge
        self.motion = _about(hinge, matrix)
        root = Image(values=np.sqrt(np.maximum(level[1].values, 0)), affine=level[1].affine)
        everywhere = Volume(array=np.ones_like(level[1].values), affine=level[1].affine)
        covered = resampled(everywhere, level[0].affine, level[0].values.shape, matrix) > 0.5
        among = covered & inside(level[0], _SKIN) & _below(level[0], hinge[2])
        self.measure = MutualInformation(level[0], root, hinge, among, count)
        self.places = self.measure.points[:3].astype(np.float64) + hinge[:, None]

    def search(self) -> Bend:
        """From the best of some flexions either way."""
        low = float(np.percentile(self.places[2], 0.5))
        count = max(2, int(np.ceil((self.hinge[2] - low) / _KNOTS)) + 1)
        ramp = (np.arange(1, count + 1) / count) ** 1.5
        starts = []
        for flexed in _FLEXED:
            knots = np.zeros((count, RIGID))
            knots[:, 0] = flexed * ramp
            starts.append(Bend(hinge=self.hinge, low=low, knots=knots))
        starts.sort(key=lambda start: -self.information(start))
        return max((self.climb(start, 40) for start in starts[:_TRIED]), key=self.information)

    def information(self, bend: Bend) -> float:
        """Normalised mutual information."""
        return self.measure.forces(self.motion, self._moved(bend))[0]

    def largest(self, bend: Bend) -> float:
        """The farthest that a point of the neck moves, mm."""
        return float(np.linalg.norm(bend.moved(self.places) - self.places, axis=0).max())

    def climb(self, bend: Bend, steps: int) -> Bend:
        """The bend of the nearest maximum, held stiff and long, by L-BFGS."""
        shares = bend.shares(self.places[2])

        def cost(numbers: Array) -> tuple[float, Array]:
            here = Bend(hinge=bend.hinge, low=bend.low, knots=numbers.reshape(bend.knots.shape))
            moved = self._moved(here)
            nmi, forces, _ = self.measure.forces(self.motion, moved)
            before = (self.motion[:, :3].T @ forces).T.astype(np.float64)
            poses = shares @ here.knots
            turns = turning(poses, moved[:3].T - poses[:, 3:], before)
            pull = shares.T @ np.concatenate([turns, before], 1)
            held, back = _held(here.knots)
            return held - 100 * nmi, (back - 100 * pull).ravel()

        limits = {"maxiter": steps, "maxfun": 2 * steps}
        found = optimize.minimize(cost, bend.knots.ravel(), jac=True, method="L-BFGS-B", options=limits).x
        return Bend(hinge=bend.hinge, low=bend.low, knots=found.reshape(bend.knots.shape))

    def _moved(self, bend: Bend) -> Values:
        return _homogeneous(bend.moved(self.places) - self.hinge[:, None])


def _hinge(fixed: Image, moving: Image, matrix: Array) -> Array | None:
    """The middle of the neck's upper end; None where the rigid motion holds for all that the fixed image shows."""
    deep = np.argwhere(inside(moving, DEPTH))[:, ::-1].T.astype(np.float64)
    body = fixed.places(np.argwhere(inside(fixed, _SKIN))[:, ::-1].T.astype(np.float64))
    if not deep.size or not body.size:
        return None
    back = np.linalg.inv(matrix)
    height = float(np.percentile((back[:3, :3] @ moving.places(deep))[2] + back[2, 3], _BELOW))
    near = np.abs(body[2] - height) < _NEAR
    return np.array([*body[:2, near].mean(1), height]) if near.any() else None


def _judged(fine: tuple[Image, Image], bend: Bend, motion: Array) -> dict[str, float]:
    among = inside(fine[0], DEPTH) & _below(fine[0], bend.hinge[2])
    local = LocalCorrelation(*fine, bend.hinge, among, 3000)
    places = local.points[:3].astype(np.float64) + bend.hinge[:, None]
    bent = local.squares_at(motion, _homogeneous(bend.moved(places) - bend.hinge[:, None]))
    gains = bent - local.squares_at(motion, local.points)
    gains = gains[np.isfinite(gains)]
    if not gains.size:
        return {GAIN: 0.0, SURENESS: 0.0}
    gain, error = float(gains.mean()), float(gains.std()) / np.sqrt(len(gains))
    return {GAIN: gain, SURENESS: gain / float(max(error, 1e-9))}


def _held(knots: Array) -> tuple[float, Array]:
    """What stiffness and length cost, and its gradient; the two knots above the first do not move."""
    count = len(knots)
    evenness = np.diff(np.eye(count + 2), 2, axis=0)[:, 2:]
    sameness = np.diff(np.eye(count + 1), axis=0)[:, 1:]
    pull = np.concatenate(
        [
            _STIFF * evenness.T @ evenness @ knots[:, :3],
            _LONG * (np.eye(count) + sameness.T @ sameness) @ knots[:, 3:],
        ],
        1,
    )
    return float((knots * pull).sum()), 2 * pull


def _straight(bend: Bend) -> Bend:
    return Bend(hinge=bend.hinge, low=bend.low, knots=np.zeros_like(bend.knots))


def _below(image: Image, height: float) -> Mask:
    z, y, x = np.ogrid[tuple(slice(n) for n in image.values.shape)]
    along = image.affine[2]
    below: Mask = along[0] * x + along[1] * y + along[2] * z + along[3] < height
    return below


def _about(pivot: Array, matrix: Array) -> Array:
    """A 4 x 4 motion as a 3 x 4 one of points relative to a pivot."""
    return np.column_stack([matrix[:3, :3], matrix[:3, :3] @ pivot + matrix[:3, 3] - pivot])


def _through(matrix: Array, places: Array) -> Array:
    ends: Array = matrix[:3, :3] @ places + matrix[:3, 3:]
    return ends


def _homogeneous(places: Array) -> Values:
    return np.vstack([places, np.ones(places.shape[1])]).astype(np.float32)
