"""Where the nasopharynx is, found in a T1-weighted volume of the head, or not found; never guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Array, Image, Mask, Values, otsu
from dicomnode_plugins._imaging.resampling import resampled

_STEP = 3.0  # mm, of the working grid
_SMALLEST = 60.0  # mm along an axis
_LARGEST = 330.0
_KNOWN = 0.6  # of a part, that must lie inside the volume
_ELSEWHERE = 18.0  # mm
_LEAST = 0.79
_AHEAD = 0.05


class NotFound(ValueError):
    """The nasopharynx cannot be found in this volume; the text says what was looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A box about the nasopharynx that holds air, or tissue; LPS mm from its middle."""

    centre: tuple[float, float, float]
    half: tuple[float, float, float]
    air: bool
    weight: float
    least: float = 0.0
    """Share of air, or of tissue, without which this is no nasopharynx."""


_PARTS = {
    "airway": _Part(centre=(0, 0, 0), half=(8, 4, 9), air=True, weight=1.0, least=0.4),
    "nasal cavity": _Part(centre=(0, -35, 6), half=(13, 17, 11), air=True, weight=0.25),
    "left sinus": _Part(centre=(28, -38, 6), half=(9, 10, 11), air=True, weight=0.5),
    "right sinus": _Part(centre=(-28, -38, 6), half=(9, 10, 11), air=True, weight=0.5),
    "spine and clivus": _Part(centre=(0, 22, 2), half=(10, 9, 15), air=False, weight=1.0, least=0.7),
    "left wall": _Part(centre=(26, -2, -4), half=(7, 10, 9), air=False, weight=0.5, least=0.7),
    "right wall": _Part(centre=(-26, -2, -4), half=(7, 10, 9), air=False, weight=0.5, least=0.7),
    "tongue": _Part(centre=(0, -35, -34), half=(20, 17, 8), air=False, weight=2.0, least=0.6),
}
"""Proportions of an adult: airway behind the nasal cavity, in front of the clivus, above the level of the tongue."""


def nasopharynx(t1: Volume) -> Array:
    """Middle of the nasopharynx, (x, y, z) LPS mm.

    The place in the head where air and tissue lie as they do about a nasopharynx: an airway in the middle, the nasal
    cavity and the sinuses in front, spine, clivus and lateral walls around it, the tongue below.

    Raises
    ------
    NotFound
        When there is no such place, when two are nearly alike, or when the volume shows too little of a head.
    """
    air, outside, origin = _air(t1)
    shares = {name: _shares(air, outside, part) for name, part in _PARTS.items()}
    score = sum(part.weight * shares[name] for name, part in _PARTS.items()) / sum(p.weight for p in _PARTS.values())
    possible = np.logical_and.reduce([shares[name] >= part.least for name, part in _PARTS.items()])
    score = np.where(possible, score, 0.0)
    best = np.unravel_index(int(score.argmax()), score.shape)
    if score[best] < _LEAST:
        raise NotFound(
            f"no place has air and tissue as a nasopharynx has (likeness {score[best]:.2f}, needed {_LEAST:g})"
        )
    away = np.linalg.norm(np.indices(score.shape).transpose(1, 2, 3, 0) - best, axis=-1) * _STEP > _ELSEWHERE
    second = float(score[away].max(initial=0.0))
    if score[best] - second < _AHEAD:
        raise NotFound(f"two places look like the nasopharynx (likeness {score[best]:.2f} and {second:.2f})")
    near = np.where(~away & (score > 0.97 * score[best]), score, 0.0)
    voxel = np.array(ndimage.center_of_mass(near))[::-1]
    centre: Array = origin + _STEP * voxel
    return centre


def _air(t1: Volume) -> tuple[Values, Mask, Array]:
    """Share of air in cubes along the patient's axes, which of them lie outside the body, and the first one's place."""
    image = Image.of(t1)
    corners = image.places(np.array(np.meshgrid(*[(0, n - 1) for n in image.size])).reshape(3, -1).astype(float))
    low, extent = corners.min(1), np.ptp(corners, axis=1)
    if extent.min() < _SMALLEST:
        raise NotFound(f"the volume covers {extent.min():.0f} mm along one axis; {_SMALLEST:.0f} mm are needed")
    affine = np.diag([_STEP, _STEP, _STEP, 1.0])
    affine[:3, 3] = low
    x, y, z = (extent.clip(max=_LARGEST) / _STEP).astype(int) + 1
    values = resampled(t1, affine, (z, y, x), np.eye(4))
    body = _body(values)
    if not body.any():
        raise NotFound("the volume shows no body")
    signal = values[body]
    tissue = signal[signal > 0.5 * otsu(np.sqrt(signal)) ** 2]
    level = 0.5 * float(np.percentile(tissue, 25))
    air: Values = np.where(body, np.clip(1.5 - values / level, 0, 1), 0).astype(np.float32)
    return air, ~body, low


def _body(values: Values) -> Mask:
    """What the skin encloses, slice by slice; mouth and nostrils are closed."""
    root = np.sqrt(np.maximum(values, 0))
    if not (values > 0).any():
        return np.zeros(values.shape, bool)
    tissue = ndimage.binary_opening(root > otsu(root[values > 0]))
    labels, count = ndimage.label(tissue)
    if count > 1:
        tissue = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    disc = ndimage.generate_binary_structure(2, 1)[None]
    closed = ndimage.binary_closing(np.pad(tissue, ((0, 0), (3, 3), (3, 3))), disc, iterations=3)[:, 3:-3, 3:-3]
    return np.stack([ndimage.binary_fill_holes(plane) for plane in closed])


def _shares(air: Values, outside: Mask, part: _Part) -> Values:
    """For every voxel as the middle of a nasopharynx, how much of a part holds what it should; 0 where unknown."""
    held = air if part.air else 1 - np.maximum(air, outside)
    size = [max(1, round(2 * half / _STEP)) for half in part.half[::-1]]
    offset = [round(place / _STEP) for place in part.centre[::-1]]
    mean = ndimage.uniform_filter(held.astype(np.float32), size, mode="constant")
    known = ndimage.uniform_filter(np.ones(air.shape, np.float32), size, mode="constant")
    shares = np.where(known >= _KNOWN, mean / np.maximum(known, _KNOWN), 0)
    moved: Values = ndimage.shift(shares, [-n for n in offset], order=0, mode="constant", cval=0.0)
    return moved
