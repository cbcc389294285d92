"""Which pairs may be fused: limits on what the registration says about itself, and on what the images look like."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dicomnode.sdk import Unsuitable, Volume
from dicomnode_plugins._imaging import examination
from dicomnode_plugins._imaging.examination import outside
from dicomnode_plugins.fusion import contrast

LIMITS: Mapping[str, tuple[float, float]] = {
    **examination.SOUND,
    examination.GAIN: (-0.005, 1.0),
    contrast.FLUID: (0.0, 0.8),
    contrast.FAT: (0.0, 0.35),
}
"""Least and largest value of each figure of a pair that is fused."""
SAME_FRAME: Mapping[str, tuple[float, float]] = {examination.TURN: (0.0, 20.0), examination.SHIFT: (0.0, 30.0)}
"""Further, where both series share a frame of reference: a patient does not move more between two series."""
UNUSUAL: Mapping[str, tuple[float, float]] = {examination.TURN: (0.0, 10.0), examination.SHIFT: (0.0, 15.0)}
"""Outside these, with a shared frame of reference, a person must look."""
WARNINGS: Mapping[str, tuple[float, float]] = {
    examination.PULL: (0.0, 0.15),
    examination.ELSEWHERE: (0.0, 1.0),
    examination.SEARCHES: (1.0, 1.0),
}
"""One part of some 25 may fit better elsewhere by chance, a bent neck is several; second searches seldom find a fit."""

_FEWEST_SLICES = 8
_LEAST_EXTENT = 60.0  # mm
_MOST_CLIPPED = 0.01


def check(base: Volume, overlay: Volume) -> None:
    """Hold both series against what a registration needs, before it is tried.

    Raises
    ------
    Unsuitable
        When a series has too few slices, covers too little, is constant or clipped.
    """
    for name, volume in (("CE-T1", base), ("CE-MRN", overlay)):
        values = volume.array
        slices = values.shape[0]
        if slices < _FEWEST_SLICES:
            raise Unsuitable(f"the {name} series has {slices} slices; at least {_FEWEST_SLICES} are needed")
        extent = min(n * s for n, s in zip(values.shape, volume.spacing, strict=True))
        if extent < _LEAST_EXTENT:
            raise Unsuitable(f"the {name} series covers {extent:.0f} mm; at least {_LEAST_EXTENT:.0f} mm are needed")
        top = float(values.max())
        if top <= float(values.min()):
            raise Unsuitable(f"the {name} series holds one value only")
        clipped = float(np.mean(values >= top))
        if clipped > _MOST_CLIPPED:
            raise Unsuitable(f"{clipped:.1%} of the {name} series are at its largest value: the signal is clipped")


def failed(figures: Mapping[str, float], *, same_frame: bool) -> tuple[str, ...]:
    """Why a pair must not be fused, in words; empty when it may."""
    return outside(figures, {**LIMITS, **SAME_FRAME} if same_frame else LIMITS)


def doubtful(figures: Mapping[str, float], *, same_frame: bool) -> tuple[str, ...]:
    """What a person must look at although the pair may be fused."""
    return outside(figures, {**WARNINGS, **UNUSUAL} if same_frame else WARNINGS)
