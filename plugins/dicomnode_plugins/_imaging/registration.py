"""Find the rigid motion between two volumes of one body, and measure how much it deserves belief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import examination
from dicomnode_plugins._imaging.grids import Array, Image, Mask, foreground, inside, shrink
from dicomnode_plugins._imaging.local_correlation import LocalCorrelation
from dicomnode_plugins._imaging.mutual_information import MutualInformation
from dicomnode_plugins._imaging.pose import (
    AFFINE,
    RADIUS,
    RIGID,
    in_patient,
    matrix,
    mirror,
    reflected,
    stretch,
    turn_and_shift,
)
from dicomnode_plugins._imaging.resampling import resampled

FINE, MIDDLE, COARSE = 1.5, 3.0, 6.0
"""Spacing of the three levels, mm."""
DEPTH = 12.0
"""mm below the surface, where patches begin: suppressed fat in one image ends at the muscle, bright fat in the other
at the skin, and the two edges pull each other."""
_PATCHES = 4000
_DARK_PATCHES = 1500
_TURN = np.deg2rad(18.0) * RADIUS
_CLIMBED = 5
_LEAST_OVERLAP = 0.3
_LEAST_AFFINE_GAIN = 0.003
"""Of the local correlation: rigid pairs gain at most half of it by being stretched."""
_MOST_STRETCH = 0.04


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alignment:
    """A motion and what speaks for it.

    Attributes
    ----------
    matrix : (4, 4)
        From patient coordinates of the fixed volume to those of the moving one, LPS mm.
    contralateral : (4, 4)
        From patient coordinates of the fixed volume to the same place of the other side of the body, as found by
        laying the mirror image of the moving volume onto the fixed one; LPS mm.
    figures : Mapping
        By the names of :mod:`dicomnode_plugins._imaging.examination`.
    affine : bool
        Whether ``matrix`` stretches; otherwise it is rigid.
    """

    matrix: Array
    contralateral: Array
    figures: Mapping[str, float]
    affine: bool = False

    @property
    def inverse(self) -> Array:
        """From the moving volume's patient coordinates to those of the fixed one, LPS mm."""
        return _inverse(self.matrix)


def register(fixed: Volume, moving: Volume, *, affine: bool = False) -> Alignment:
    """The rigid motion that lays a moving volume onto a fixed one; affine where asked for and where that fits better.

    An affine motion is kept when it raises the local correlation more than it does that of pairs that are rigid, and
    stretches by no more than a scanner's gradients can. Contrast, grid, field of view and frame of reference of the two
    may differ. The volume with the smaller field of view gives the points: those of the larger one would mostly miss
    it. No random number differs between two runs.
    """
    images = Image.of(fixed), Image.of(moving)
    forward = images[1].extent <= images[0].extent
    found = _Search(*(images[::-1] if forward else images), affine=affine)
    motion = in_patient(found.pose, found.pivot)
    # Of a point of the inner volume, the place of its mirror image in the outer one, and back from the outer one.
    mirrored = in_patient(found.mirror_pose, found.pivot) @ mirror(found.pivot)
    back = _inverse(in_patient(found.rigid, found.pivot))
    return Alignment(
        matrix=_inverse(motion) if forward else motion,
        contralateral=mirrored @ back if forward else back @ mirrored,
        figures=found.figures(),
        affine=len(found.pose) == AFFINE,
    )


class _Search:
    """Normalised mutual information from coarse to fine, then local correlation."""

    def __init__(self, inner: Image, outer: Image, *, affine: bool) -> None:
        self.pivot = inner.centre
        self.fine = shrink(inner, FINE), shrink(outer, FINE)
        self.middle = shrink(self.fine[0], MIDDLE), shrink(self.fine[1], MIDDLE)
        self.coarse = shrink(self.fine[0], COARSE), shrink(self.fine[1], COARSE)
        self.spots = np.random.default_rng(1).uniform(-50, 50, (3, 64)) + self.pivot[:, None]
        self.local = LocalCorrelation(*self.fine, self.pivot, inside(self.fine[0], DEPTH), _PATCHES)
        self.wide = self._information(self.coarse, 12000, air=True)
        self.tries = self._tries(outer.centre - self.pivot)
        pose = self._information(self.middle, 30000).climb(self.tries[0][0], 20)
        self.information = self._information(self.fine, 60000)
        self.informed = self.information.climb(pose, 12)
        self.pose = self.rigid = self.local.climb(self.informed, 12)
        self.mirror_pose, self.mirror_score = self._mirrored()
        self.affine: dict[str, float] = {}
        if affine:
            self._stretch()

    def _information(
        self, level: tuple[Image, Image], count: int, *, air: bool = False, mirrored: bool = False
    ) -> MutualInformation:
        among = np.ones(level[0].values.shape, bool) if air else foreground(level[0])
        return MutualInformation(*level, self.pivot, among, count, mirrored=mirrored)

    def _tries(self, shift: Array) -> list[tuple[Array, float]]:
        """Poses after the coarse level with their information, the best first.

        The headers' own pose and that of the middles laid on each other are always climbed, and the best three of
        both turned by 18 degrees either way about each axis.
        """
        middles = [np.zeros(RIGID), np.concatenate([np.zeros(3), shift])]
        turns = [sign * _TURN * way for way in np.eye(RIGID)[:3] for sign in (1, -1)]
        turned = sorted((start + turn for turn in turns for start in middles), key=lambda p: -self.wide(matrix(p))[0])
        climbed = [self.wide.climb(start, 30) for start in [*middles, *turned[: _CLIMBED - 2]]]
        tries = [(pose, *self.wide(matrix(pose))[::2]) for pose in climbed]
        covered = [entry for entry in tries if entry[2] > _LEAST_OVERLAP] or tries
        return [(pose, nmi) for pose, nmi, _ in sorted(covered, key=lambda entry: -entry[1])]

    def _mirrored(self) -> tuple[Array, float]:
        """The best motion of the inner image with left and right exchanged, and its local correlation.

        A head is nearly its own mirror image: one written with its left and right exchanged also aligns, but less
        well than the mirror image of it.
        """
        wide = self._information(self.coarse, 12000, air=True, mirrored=True)
        middle = self._information(self.middle, 15000, mirrored=True)
        local = LocalCorrelation(*self.fine, self.pivot, inside(self.fine[0], DEPTH), 1500, mirrored=True)
        climbed = [wide.climb(start, 20) for start in (self.pose, reflected(self.pose))]
        best = max(climbed, key=lambda pose: wide(matrix(pose))[0])
        pose = local.climb(middle.climb(best, 15), 2)
        return pose, local.score(pose)

    def _stretch(self) -> None:
        """Take the affine motion near the rigid one, if it deserves it; its figures are kept either way."""
        stretched = self.local.climb(np.concatenate([self.pose, np.zeros(AFFINE - RIGID)]), 12)
        gains = self.local.squares(stretched) - self.local.squares(self.pose)
        known = gains[np.isfinite(gains)]
        gain, most = float(known.mean()) if known.size else 0.0, stretch(stretched)
        self.affine = {examination.AFFINE_GAIN: gain, examination.STRETCH: most}
        if gain >= _LEAST_AFFINE_GAIN and most <= _MOST_STRETCH:
            self.pose = stretched

    def _dark(self) -> Mask:
        """What is deep in the outer image's body and not in the inner one's.

        Suppression and a long echo time leave muscle hardly brighter than air: the neck of a neurogram is no
        foreground of its own, and no patch of the registration lies there.
        """
        inner, outer = self.fine
        body = Volume(array=inside(outer, DEPTH).astype(np.float32), affine=outer.affine)
        moved = resampled(body, inner.affine, inner.values.shape, in_patient(self.pose, self.pivot))
        return (moved > 0.5) & ~inside(inner, DEPTH)

    def figures(self) -> dict[str, float]:
        """All that speaks for and against the pose."""
        fit = self.local.fit(self.pose)
        nmi, _, overlap = self.information(matrix(self.pose))
        reverse = LocalCorrelation(*self.fine[::-1], self.pivot, inside(self.fine[1], DEPTH), 1500)
        dark = LocalCorrelation(*self.fine, self.pivot, self._dark(), _DARK_PATCHES)
        turn, shift = turn_and_shift(in_patient(self.pose, self.pivot), self.pivot)
        return {
            **examination.peak(self.local, self.pose, fit),
            **examination.parts(self.local, self.pose, fit, self.pivot, self.spots),
            **examination.elsewhere(dark, self.pose, self.pivot),
            **examination.both_ways(reverse, self.pose, self.pivot, self.spots),
            **examination.agreement([pose for pose, _ in self.tries], self.pivot, self.spots),
            examination.MIRROR: self.mirror_score / max(fit.score, 1e-6),
            examination.INFORMATION: nmi,
            examination.OVERLAP: overlap,
            examination.TURN: turn,
            examination.SHIFT: shift,
            **self.affine,
        }


def _inverse(matrix: Array) -> Array:
    return np.asarray(np.linalg.inv(matrix), np.float64)
