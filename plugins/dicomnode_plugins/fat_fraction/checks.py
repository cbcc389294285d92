"""Gates on the image content that need no labels: each refuses a pair whose map would be wrong, and says why."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from dicomnode.sdk import Unsuitable
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Noise, Spacing

LARGEST_SHIFT = 1.5
"""Voxels. Alternating readout gradients alone displace fat by one, seen on real pairs."""
WEAKEST_INK = -0.25
"""Highest :func:`ink_asymmetry` of a pair with visible India ink; real pairs read about -0.9, suppressed fat 0."""
FAT_FREE_RATIO = (0.80, 1.30)
"""OP/IP of tissue without fat: 1 by nature, above 1 by T2* decay between the echoes."""
DARKEST_FAT = 0.35
"""Least OP/IP of subcutaneous fat: 0.6 to 0.9 when both echoes show it."""
LEAST_MEASURABLE = 0.5

_CLEAR_SIGNAL = 4.0  # times the noise gate, for statistics of single voxels
_RIM = 10.0  # mm below the skin
_LEAST_VOXELS = 200


def check(
    in_phase: FloatArray, opposed: FloatArray, body: Mask, measurable: Mask, sigma: float, spacing: Spacing
) -> None:
    """Refuse moved, swapped, fat-suppressed and differently scaled echoes.

    Raises
    ------
    Unsuitable
        With what is wrong and the figure that shows it.
    """
