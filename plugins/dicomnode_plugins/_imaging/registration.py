"""Find the rigid motion between two volumes of one body, and measure how much it deserves belief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    distance,
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
_CLIMBED, _CLIMBED_AGAIN = 5, 8
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
    it. Where the motion found deserves no belief, and only there, a wider search looks for another one, which must
    deserve more than is asked of the first. No random number differs between two runs.
    """
    images = Image.of(fixed), Image.of(moving)
    forward = images[1].extent <= images[0].extent
    search = _Search(*(images[::-1] if forward else images), affine=affine)
    found, searches = search.found(), 1
    if examination.outside(found.figures, examination.SOUND):
        found, searches = search.again(found), 2
    motion = in_patient(found.pose, search.pivot)
    # Of a point of the inner volume, the place of its mirror image in the outer one, and back from the outer one.
    mirrored = in_patient(found.mirror_pose, search.pivot) @ mirror(search.pivot)
    back = _inverse(in_patient(found.rigid, search.pivot))
    return Alignment(
        matrix=_inverse(motion) if forward else motion,
        contralateral=mirrored @ back if forward else back @ mirrored,
        figures={**found.figures, examination.SEARCHES: float(searches)},
        affine=len(found.pose) == AFFINE,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Found:
    """A pose, the rigid one it came from, that of the mirror image, and all that speaks for and against the first."""

    pose: Array
    rigid: Array
    mirror_pose: Array
    figures: Mapping[str, float]
    ends: Sequence[Array]
    """Of the coarse level, that of the pose first."""


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
        self.information = self._information(self.fine, 60000)
        self.middles = np.zeros(RIGID), np.concatenate([np.zeros(3), outer.centre - self.pivot])
        self.affine = affine

    def found(self) -> _Found:
        """What the first search gives.

        Its starts are the headers' own pose, that of the middles laid on each other, and the best three of both turned
        by 18 degrees either way about each axis; the end of most information is refined.
        """
        climbed = self._climbed([*self.middles, *self._turned((_TURN,))[: _CLIMBED - 2]])
        return self._settled(sorted(climbed, key=lambda pose: -self.wide(matrix(pose))[0]))

    def again(self, first: _Found) -> _Found:
        """Another basin that deserves belief, else what was found first.

        Mutual information may be larger where two volumes hardly overlap than where they belong: of the ends of the
        first search and of eight further starts, turned by up to 36 degrees, the local correlation chooses.
        """
        further = self._turned((_TURN, 2 * _TURN))[_CLIMBED - 2 :]
        ends = [*first.ends, *self._climbed(further[:_CLIMBED_AGAIN])]
        ends.sort(key=lambda pose: -self.local.score(pose))
        best, before = (in_patient(pose, self.pivot) for pose in (ends[0], first.ends[0]))
        if distance(best, before, self.spots) < examination.TOGETHER:
            return first
        other = self._settled(ends)
        return first if examination.outside(other.figures, examination.SOUND_AGAIN) else other

    def _information(
        self, level: tuple[Image, Image], count: int, *, air: bool = False, mirrored: bool = False
    ) -> MutualInformation:
        among = np.ones(level[0].values.shape, bool) if air else foreground(level[0])
        return MutualInformation(*level, self.pivot, among, count, mirrored=mirrored)

    def _turned(self, angles: Sequence[float]) -> list[Array]:
        """Both first starts turned either way about each axis, the one of most information first."""
        turns = [sign * angle * way for angle in angles for way in np.eye(RIGID)[:3] for sign in (1, -1)]
        return sorted(
            (start + turn for turn in turns for start in self.middles), key=lambda pose: -self.wide(matrix(pose))[0]
        )

    def _climbed(self, starts: Sequence[Array]) -> list[Array]:
        """Where starts end at the coarse level; those that hardly overlap are left out where others do not."""
        ends = [self.wide.climb(start, 30) for start in starts]
        return [pose for pose in ends if self.wide(matrix(pose))[2] > _LEAST_OVERLAP] or ends

    def _settled(self, ends: Sequence[Array]) -> _Found:
        """The first of some ends refined, and examined."""
        pose = self._information(self.middle, 30000).climb(ends[0], 20)
        rigid = self.local.climb(self.information.climb(pose, 12), 12)
        mirror_pose, mirror_score = self._mirrored(rigid)
        pose, stretched = self._stretched(rigid) if self.affine else (rigid, {})
        figures = {**self._figures(pose, ends, mirror_score), **stretched}
        return _Found(pose=pose, rigid=rigid, mirror_pose=mirror_pose, figures=figures, ends=ends)

    def _mirrored(self, pose: Array) -> tuple[Array, float]:
        """The best motion of the inner image with left and right exchanged, and its local correlation.

        A head is nearly its own mirror image: one written with its left and right exchanged also aligns, but less
        well than the mirror image of it.
        """
        wide = self._information(self.coarse, 12000, air=True, mirrored=True)
        middle = self._information(self.middle, 15000, mirrored=True)
        local = LocalCorrelation(*self.fine, self.pivot, inside(self.fine[0], DEPTH), 1500, mirrored=True)
        climbed = [wide.climb(start, 20) for start in (pose, reflected(pose))]
        best = max(climbed, key=lambda pose: wide(matrix(pose))[0])
        mirror_pose = local.climb(middle.climb(best, 15), 2)
        return mirror_pose, local.score(mirror_pose)

    def _stretched(self, rigid: Array) -> tuple[Array, dict[str, float]]:
        """The affine motion near the rigid one, if it deserves it; its figures either way."""
        stretched = self.local.climb(np.concatenate([rigid, np.zeros(AFFINE - RIGID)]), 12)
        gains = self.local.squares(stretched) - self.local.squares(rigid)
        known = gains[np.isfinite(gains)]
        gain, most = float(known.mean()) if known.size else 0.0, stretch(stretched)
        deserved = gain >= _LEAST_AFFINE_GAIN and most <= _MOST_STRETCH
        return stretched if deserved else rigid, {examination.AFFINE_GAIN: gain, examination.STRETCH: most}

    def _dark(self, pose: Array) -> Mask:
        """What is deep in the outer image's body and not in the inner one's.

        Suppression and a long echo time leave muscle hardly brighter than air: the neck of a neurogram is no
        foreground of its own, and no patch of the registration lies there.
        """
        inner, outer = self.fine
        body = Volume(array=inside(outer, DEPTH).astype(np.float32), affine=outer.affine)
        moved = resampled(body, inner.affine, inner.values.shape, in_patient(pose, self.pivot))
        return (moved > 0.5) & ~inside(inner, DEPTH)

    def _figures(self, pose: Array, ends: Sequence[Array], mirror_score: float) -> dict[str, float]:
        """All that speaks for and against a pose."""
        fit = self.local.fit(pose)
        nmi, _, overlap = self.information(matrix(pose))
        reverse = LocalCorrelation(*self.fine[::-1], self.pivot, inside(self.fine[1], DEPTH), 1500)
        dark = LocalCorrelation(*self.fine, self.pivot, self._dark(pose), _DARK_PATCHES)
        turn, shift = turn_and_shift(in_patient(pose, self.pivot), self.pivot)
        return {
            **examination.peak(self.local, pose, fit),
            **examination.parts(self.local, pose, fit, self.pivot, self.spots),
            **examination.elsewhere(dark, pose, self.pivot),
            **examination.both_ways(reverse, pose, self.pivot, self.spots),
            **examination.agreement(ends, self.pivot, self.spots),
            examination.MIRROR: mirror_score / max(fit.score, 1e-6),
            examination.INFORMATION: nmi,
            examination.OVERLAP: overlap,
            examination.TURN: turn,
            examination.SHIFT: shift,
        }


def _inverse(matrix: Array) -> Array:
    return np.asarray(np.linalg.inv(matrix), np.float64)
