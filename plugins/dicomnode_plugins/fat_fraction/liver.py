"""A proposal for the liver without learned weights: a calm seed on the patient's right, grown up to its edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK
from scipy import ndimage

from dicomnode_plugins.fat_fraction import gates, morphology
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask
from dicomnode_plugins.fat_fraction.gates import Quality
from dicomnode_plugins.fat_fraction.scene import Scene

SEEDS = 3
"""Starting points that are tried until every gate passes."""
_FAT_CEILING = 0.88  # in-phase signal of the liver over that of fat below the skin, at most
_AIR_CEILING = 0.25  # likewise of air, lung and bowel gas
_CALM = 0.035  # 1/mm, relative gradient that still counts as texture
_DARK_OPPOSED = 0.7  # of fat's opposed signal: darker than this is fatty liver however bright in phase
_LARGEST_FOCUS = 60.0  # mL; what is as bright as fat in both echoes and larger is fat
_SPARED = 0.18  # of the logarithm: low-fat islands are as bright as the liver in phase, and as bright opposed
_SKIN = 8.0  # mm
_RIM = 5.0  # mm; the core begins inside it
_BAY = 15.0  # mm, half the width
_BORDER = 2.0  # mm
_ALIKE = 0.15  # of the logarithm of the in-phase signal
_LEVELS = 250  # of the edge map; the flood needs no more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proposal:
    """A liver outline for a person to confirm; (z, y, x) on the scene's grid."""

    mask: Mask
    core: Mask
    """Without rim and vessels: where fat fractions are read."""
    quality: Quality


def propose(scene: Scene) -> Proposal:
    """The best of a few attempts; its quality says whether it may be used."""
    tried = np.zeros(scene.body.shape, np.bool_)
    proposals = []
    for _ in range(SEEDS):
        seed = _seed(scene, tried)
        mask = _with_border(_with_spared(_finished(_grown(scene, seed), scene), scene), scene)
        core = measurable_core(mask, scene.in_phase, scene)
        proposals.append(Proposal(mask=mask, core=core, quality=gates.judge(scene, mask, core)))
        if not proposals[-1].quality.failed:
            break
        tried |= morphology.widened(seed, 10.0, scene.spacing)
    return min(proposals, key=lambda proposal: len(proposal.quality.failed))


def of_mask(scene: Scene, mask: Mask) -> Proposal:
    """A mask that somebody else has drawn, with its core, through the same gate; (z, y, x) on the scene's grid."""
    core = measurable_core(mask, scene.in_phase, scene)
    return Proposal(mask=mask, core=core, quality=gates.judge(scene, mask, core))


def measurable_core(mask: Mask, in_phase: FloatArray, scene: Scene) -> Mask:
    """The mask without its rim and without what differs from its surroundings, such as vessels."""
    core = morphology.eroded(mask, _RIM, scene.spacing)
    if not core.any():
        return core
    total = ndimage.uniform_filter(in_phase * mask, (1, 15, 15))
    around = total / np.maximum(ndimage.uniform_filter(mask.astype(np.float32), (1, 15, 15)), 1e-3)
    residual = np.abs(in_phase / np.maximum(around, 1e-3) - 1)
    core &= residual < 2.5 * 1.4826 * float(np.median(residual[core]))
    return core


def _seed(scene: Scene, tried: Mask) -> Mask:
    """A ball in the deepest calm region of the right half that is neither fat nor air."""
    wide = (0, 5 / scene.spacing[1], 5 / scene.spacing[2])
    level = ndimage.gaussian_filter(scene.in_phase, wide) / scene.fat
    tissue = scene.body & (level > _AIR_CEILING)
    calm = scene.edges < max(1.2 * float(np.median(scene.edges[tissue])), _CALM)
    no_fat = (level < _FAT_CEILING) | (scene.log_opposed < np.log(_DARK_OPPOSED * scene.fat_opposed))
    calm = ndimage.binary_closing(calm & tissue & no_fat & ~tried, np.ones((1, 3, 3)))
    deep = morphology.depth(calm, scene.spacing) * (scene.left < -15) * (scene.under_skin > 15)
    deep = ndimage.uniform_filter1d(deep, 3, axis=0)
    peak = np.unravel_index(int(np.argmax(deep)), deep.shape)
    radius = max(8.0, 0.8 * float(deep[peak]))
    z, y, x = np.ogrid[tuple(slice(count) for count in deep.shape)]
    away = sum(((axis - place) * step) ** 2 for axis, place, step in zip((z, y, x), peak, scene.spacing, strict=True))
    ball: Mask = calm & (away <= radius**2)
    if not ball.any():
        ball[peak] = True
    return ball


def _grown(scene: Scene, seed: Mask) -> Mask:
    """Twice: a window of intensity around the mask so far, then a flood between what is surely in and surely out."""
    mask = seed
    for turn in range(2):
        centre = _profile(scene, mask) if turn else np.float32(np.median(scene.log_in_phase[seed]))
        inside, outside, bright = _markers(scene, seed, mask, centre)
        mask = _flooded(scene.edges, inside, outside) & scene.body & ~bright
        mask = morphology.largest(morphology.opened(mask, 6.0, scene.spacing))
        if not mask.any():
            return seed
    return morphology.opened(mask, 5.0, scene.spacing)


def _markers(scene: Scene, seed: Mask, mask: Mask, centre: FloatArray | np.float32) -> tuple[Mask, Mask, Mask]:
    """What is surely liver, surely not, and too bright for it."""
    ratio = scene.log_opposed - scene.log_in_phase
    away = scene.log_in_phase - centre
    away_opposed = ratio + away - np.median(ratio[mask])
    spread, spread_opposed = (max(0.07, 1.4826 * float(np.median(np.abs(v[mask])))) for v in (away, away_opposed))
    size, size_opposed = np.abs(away), np.abs(away_opposed)
    fat = _fat(scene, mask)
    spared = (away_opposed > 0) & (ratio < _SPARED) & (size < _SPARED) & ~fat
    skin = scene.under_skin < _SKIN
    near = (size < 2 * spread) & ((size_opposed < 2.5 * spread_opposed) | (spared & (size < 0.12)))
    near &= (scene.edges < np.percentile(scene.edges[seed], 99)) & ~skin
    labels, _ = ndimage.label(morphology.opened(near, 4.0, scene.spacing))
    touched = np.unique(labels[seed])
    inside = np.isin(labels, touched[touched > 0]) | seed
    strange = (size > 3 * spread) | ((size_opposed > 3.5 * spread_opposed) & (size > 0.15))
    outside = morphology.opened((strange & ~spared) | fat, 4.0, scene.spacing) | skin
    return inside, outside & ~inside, away >= 4 * spread


def _fat(scene: Scene, mask: Mask) -> Mask:
    """Fat is bright in both echoes; a fatty liver is bright in phase only."""
    bright: Mask = (scene.log_in_phase > np.log(_FAT_CEILING * scene.fat)) & (
        scene.log_opposed > np.log(0.7 * scene.fat)
    )
    liver, fat = float(np.median(scene.log_opposed[mask])), np.log(scene.fat_opposed)
    if liver < fat + np.log(_DARK_OPPOSED):
        as_fat = (scene.log_opposed > (liver + fat) / 2) & (scene.log_in_phase > np.log(0.7 * scene.fat))
        labels, _ = ndimage.label(morphology.opened(as_fat, 3.0, scene.spacing))
        large = np.bincount(labels.ravel()) > _LARGEST_FOCUS * scene.millilitre
        large[0] = False
        bright |= large[labels]
    return bright


def _profile(scene: Scene, mask: Mask) -> FloatArray:
    """A plane through the logarithm of the signal over the mask: a gentle stand-in for the coil's profile."""
    places = np.argwhere(mask)
    places = places[:: max(1, len(places) // 20000)]
    scale = np.array(scene.spacing) / 100
    known = np.column_stack([np.ones(len(places)), places * scale])
    fit = np.linalg.lstsq(known, scene.log_in_phase[tuple(places.T)], rcond=None)[0].astype(np.float32)
    z, y, x = (np.arange(count, dtype=np.float32) * np.float32(s) for count, s in zip(mask.shape, scale, strict=True))
    plane: FloatArray = fit[0] + fit[1] * z[:, None, None] + fit[2] * y[:, None] + fit[3] * x
    return plane


def _flooded(edges: FloatArray, inside: Mask, outside: Mask) -> Mask:
    """Watershed of the edge map from two markers (Meyer 1994)."""
    markers = outside.astype(np.uint8) * 2
    markers[inside] = 1
    height = np.minimum(edges * 1000, _LEVELS).astype(np.uint8)
    flood = SimpleITK.MorphologicalWatershedFromMarkers(
        SimpleITK.GetImageFromArray(height),
        SimpleITK.GetImageFromArray(markers),
        markWatershedLine=False,
        fullyConnected=False,
    )
    inner: Mask = SimpleITK.GetArrayFromImage(flood) == 1
    return inner


def _finished(mask: Mask, scene: Scene) -> Mask:
    """Islands that hang on a neighbouring slice, closed and filled."""
    areas = mask.sum((1, 2))
    start = int(np.argmax(areas))
    kept = np.zeros_like(mask)
    kept[start] = morphology.largest(mask[start])
    for way in (range(start + 1, len(mask)), range(start - 1, -1, -1)):
        before = kept[start]
        for number in way:
            labels, count = ndimage.label(mask[number])
            cover = ndimage.mean(before, labels, range(1, count + 1)) if count else ()
            kept[number] = np.isin(labels, 1 + np.flatnonzero(np.asarray(cover) >= 0.5))
            before = kept[number]
    return morphology.closed(kept, 5.0, scene.spacing)


def _with_spared(mask: Mask, scene: Scene) -> Mask:
    """Low-fat bays of the outline that are as bright as the liver in phase: spared areas that touch its surface."""
    bays = morphology.closed(mask, _BAY, scene.spacing) & ~mask
    away = scene.log_in_phase - _profile(scene, mask)
    ratio = scene.log_opposed - scene.log_in_phase
    bays &= (np.abs(away) < _ALIKE) & (ratio > np.median(ratio[mask]) + _ALIKE) & (ratio < _SPARED)
    return mask | morphology.opened(bays, 3.0, scene.spacing)


def _with_border(mask: Mask, scene: Scene) -> Mask:
    """The flood stops inside the ink line; its liver side still belongs to the liver."""
    alike = np.abs(scene.log_in_phase - _profile(scene, mask)) < _ALIKE
    border: Mask = morphology.widened(mask, _BORDER, scene.spacing) & alike & ~_fat(scene, mask)
    return mask | border
