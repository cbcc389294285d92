"""What a registration says about itself without knowing the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from dicomnode_plugins._imaging.grids import Array
from dicomnode_plugins._imaging.local_correlation import Fit, LocalCorrelation
from dicomnode_plugins._imaging.pose import RIGID, distance, in_patient, inverted

SCORE = "mean squared local correlation"
FALL = "fall of the local correlation 4 mm away"
MIRROR = "local correlation of the mirrored image over that of the image"
AGREEMENT = "share of starts that end within 3 mm of the best"
SPREAD = "median distance of the starts' ends from the best, mm"
INVERSE = "distance between both directions of the registration, mm"
HALVES = "distance between two halves of the patches, mm"
PULL = "median motion that parts of 30 mm still ask for, mm"
ELSEWHERE = "parts of 30 mm that fit better elsewhere"
OVERLAP = "share of the smaller image's points inside the larger one"
INFORMATION = "normalised mutual information"
GAIN = "local correlation gained over the headers' own pose"
TURN = "rotation against the headers, degrees"
SHIFT = "displacement against the headers, mm"
STRETCH = "largest stretch or shear of the affine motion"
SEARCHES = "coarse searches made"
AFFINE_GAIN = "local correlation gained by the affine motion"

TOGETHER = 3.0
"""mm; two ends of the coarse search that lie nearer to each other are one."""
_AWAY = 4.0
_BLOCK = 30.0
_FEWEST = 20
"""Patches without which a block has no say."""
_FARTHEST = 5.0
_TRIED = (4.0, 8.0)
"""mm along each axis, either way, at which a part may lie instead."""
_BETTER, _SURE = 0.02, 3.0
"""Of the local correlation, and in standard errors of its mean over the part."""


def peak(local: LocalCorrelation, pose: Array, fit: Fit) -> dict[str, float]:
    """How high the local correlation is here, and how much lower 4 mm away and where the headers say."""
    ways = [sign * _AWAY * way for way in np.eye(len(pose))[3:6] for sign in (1, -1)]
    away = [local.score(pose + way) for way in ways]
    header = local.squares(np.zeros(len(pose)))
    both = np.isfinite(header) & np.isfinite(fit.square)
    gained = float((fit.square - header)[both].mean()) if both.any() else fit.score
    return {SCORE: fit.score, FALL: 1 - float(np.mean(away)) / max(fit.score, 1e-6), GAIN: gained}


def parts(local: LocalCorrelation, pose: Array, fit: Fit, pivot: Array, spots: Array) -> dict[str, float]:
    """Whether one motion explains every part: halves in a checkerboard of 30 mm, and what each block still asks for.

    Another head, a flexed neck and distortion show here.
    """
    cells = _cells(local, pivot)
    board = (cells.sum(1) % 2).astype(bool)
    halves = [in_patient(pose + fit.step(half), pivot) for half in (board, ~board)]
    _, block = np.unique(cells, axis=0, return_inverse=True)
    pulls = [_pull(fit, (block == n) & np.isfinite(fit.square)) for n in range(int(block.max(initial=-1)) + 1)]
    heard = [pull for pull in pulls if pull is not None]
    return {HALVES: distance(halves[0], halves[1], spots), PULL: float(np.median(heard)) if heard else _FARTHEST}


def elsewhere(local: LocalCorrelation, pose: Array, pivot: Array) -> dict[str, float]:
    """How many blocks of 30 mm fit clearly better some way off: a neck that was bent between the two images."""
    ways = [sign * far * way for way in np.eye(len(pose))[3:6] for far in _TRIED for sign in (1, -1)]
    squares = np.stack([local.squares(pose + way) for way in [np.zeros(len(pose)), *ways]])
    known = np.isfinite(squares).all(0)
    squares = squares[:, known]
    _, block = np.unique(_cells(local, pivot)[known], axis=0, return_inverse=True)
    gains = (_gain(squares[:, block == n]) for n in range(int(block.max(initial=-1)) + 1))
    return {ELSEWHERE: float(sum(gain > _BETTER for gain in gains))}


def both_ways(reverse: LocalCorrelation, pose: Array, pivot: Array, spots: Array) -> dict[str, float]:
    """How far going there, and back by a refinement on patches of the other image, misses the start."""
    back = in_patient(reverse.climb(inverted(pose), 2 if len(pose) == RIGID else 8), pivot)
    there = in_patient(pose, pivot)
    return {INVERSE: distance(back @ there, np.eye(4), spots)}


def agreement(tries: Sequence[Array], pivot: Array, spots: Array) -> dict[str, float]:
    """How far the starts of the search ended from the best one, which comes first."""
    best = in_patient(tries[0], pivot)
    away = [distance(in_patient(pose, pivot), best, spots) for pose in tries]
    return {AGREEMENT: float(np.mean(np.array(away) < TOGETHER)), SPREAD: float(np.median(away))}


SOUND: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        SCORE: (0.36, 1.0),
        FALL: (0.36, 1.0),
        MIRROR: (0.0, 0.85),
        INVERSE: (0.0, 1.0),
        HALVES: (0.0, 1.0),
        OVERLAP: (0.3, 1.0),
    }
)
"""Least and largest value of the figures of a registration that may be believed."""
SOUND_AGAIN: Mapping[str, tuple[float, float]] = MappingProxyType(
    {**SOUND, SCORE: (0.40, 1.0), FALL: (0.38, 1.0), MIRROR: (0.0, 0.80)}
)
"""The same of one that was found by a second, wider search: who looks in more places finds more by chance."""


def outside(figures: Mapping[str, float], limits: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """What does not lie within its limits, with its figure, in words; a figure that is not a number never does."""
    return tuple(
        f"{name}: {figures[name]:.3g} (allowed {low:g} to {high:g})"
        for name, (low, high) in limits.items()
        if not low <= figures[name] <= high
    )


def _cells(local: LocalCorrelation, pivot: Array) -> npt.NDArray[np.int64]:
    """Block of each patch along x, y, z."""
    return np.floor((local.middles.T - pivot) / _BLOCK).astype(np.int64)


def _gain(squares: Array) -> float:
    """What the patches of a block gain at the best other place (rows after the first), where that is no chance."""
    if squares.shape[1] < _FEWEST:
        return 0.0
    gains = squares[1 + int(squares[1:].mean(1).argmax())] - squares[0]
    gain, error = float(gains.mean()), float(gains.std()) / np.sqrt(len(gains))
    return gain if gain > _SURE * error else 0.0


def _pull(fit: Fit, among: np.ndarray) -> float | None:
    if np.count_nonzero(among) < _FEWEST:
        return None
    curvature, uphill = fit.curvature[among].sum(0)[3:6, 3:6], fit.uphill[among].sum(0)[3:6]
    loose = 1e-3 * (np.trace(curvature) + 1e-9) * np.eye(3)
    return min(float(np.linalg.norm(np.linalg.solve(curvature + loose, uphill))), _FARTHEST)
