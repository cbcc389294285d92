"""The spleen as fat-free reference: a calm region at the patient's left, darker in phase than the liver."""

from __future__ import annotations

import numpy as np

from dicomnode_plugins.fat_fraction import morphology
from dicomnode_plugins.fat_fraction.dual_echo import Mask
from dicomnode_plugins.fat_fraction.scene import Scene

VOLUME = (8.0, 700.0)
"""mL; the part that is found is often small, and is a sample, not the organ."""
_LEVEL = (0.45, 1.0)  # in-phase signal over that of the liver


def find(scene: Scene, liver: Mask, core: Mask) -> Mask:
    """Part of the spleen, (z, y, x) bool; empty when nothing convinces.

    Parameters
    ----------
    liver, core : (z, y, x) bool
        The liver and its measurable part.
    """
    level = scene.log_in_phase - np.median(scene.log_in_phase[core])
    region = scene.body & (scene.left > 35) & (scene.behind > -15) & (scene.under_skin > 12)
    region &= (level > np.log(_LEVEL[0])) & (level < np.log(_LEVEL[1]))
    region &= scene.edges < 1.5 * np.median(scene.edges[core])
    region &= ~morphology.widened(liver, 6.0, scene.spacing)
    region[~liver.any((1, 2))] = False
    outward = np.broadcast_to(np.square(scene.left / np.float32(60)), region.shape)
    best = morphology.largest(morphology.opened(region, 6.0, scene.spacing), outward)
    volume = best.sum() / scene.millilitre
    return best if VOLUME[0] <= volume <= VOLUME[1] else np.zeros_like(best)
