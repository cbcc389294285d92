"""Figures that tell a liver from what the search may find instead; where one fails, nothing is called liver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from dicomnode_plugins.fat_fraction.dual_echo import Mask
from dicomnode_plugins.fat_fraction.scene import Scene

LIMITS: Mapping[str, tuple[float, float]] = {
    "volume, mL": (300.0, 3000.0),
    "share right of the midline": (0.55, 1.0),
    "relative spread of the in-phase signal": (0.0, 0.16),
    "edge at the rim over edge inside": (2.5, np.inf),
    "share of half its bounding box": (0.35, 2.0),
    "largest change of area between slices": (0.0, 0.6),
    "share of the core with another fat fraction": (0.0, 0.15),
    "measurable core, mL": (60.0, 3000.0),
    "pixel side, mm": (0.0, 4.0),
}
"""Least and largest value of each figure. Failures on phantoms read 1.6 at the rim, sound masks 2.75 and more."""

_ANOTHER = 10.0  # points of fat fraction; noise at a signal-to-noise ratio of 20 spreads by 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How much a proposal looks like a liver."""

    figures: Mapping[str, float]
    """By the names of :data:`LIMITS`."""

    @property
    def failed(self) -> tuple[str, ...]:
        """What lies outside its limits, with its figure, in words."""
        return tuple(
            f"{name} {self.figures[name]:.3g} (allowed {low:g} to {high:g})"
            for name, (low, high) in LIMITS.items()
            if not low <= self.figures[name] <= high
        )


def judge(scene: Scene, mask: Mask, core: Mask) -> Quality:
    """The figures of a proposal; all 0 when it has no core.

    Parameters
    ----------
    mask, core : (z, y, x) bool
    """
    if not core.any():
        return Quality(figures=dict.fromkeys(LIMITS, 0.0))
    rim = mask & ~ndimage.binary_erosion(mask, np.ones((1, 3, 3)))
    areas = mask.sum((1, 2))
    slices = np.flatnonzero(areas)
    changes = np.abs(np.diff(areas[slices[0] : slices[-1] + 1])) / areas.max()
    signal = scene.in_phase[core]
    box = [np.ptp(np.flatnonzero(mask.any(others))) + 1 for others in ((1, 2), (0, 2), (0, 1))]
    values = (
        mask.sum() / scene.millilitre,
        (mask & (scene.left < 0)).sum() / mask.sum(),
        1.4826 * np.median(np.abs(signal / np.median(signal) - 1)),
        np.median(scene.edges[rim]) / np.median(scene.edges[core]),
        2 * mask.sum() / np.prod(box),
        changes.max(initial=0.0),
        _unlike(scene, core),
        core.sum() / scene.millilitre,
        max(scene.spacing[1:]),
    )
    return Quality(figures=dict(zip(LIMITS, map(float, values), strict=True)))


def _unlike(scene: Scene, core: Mask) -> float:
    """Share of the core that neither noise nor some spared area explains: fat, or another organ, has leaked in."""
    percent = 50 * (1 - scene.opposed[core] / np.maximum(scene.in_phase[core], 1e-6))
    away = np.abs(percent - np.median(percent))
    return float(np.mean(away > _ANOTHER))
