"""What makes an overlay look like neurography: fluid brightest, and the base's bright tissue suppressed."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Image, Values, foreground, shrink

FLUID = "base signal where the overlay is brightest over that of the body"
FAT = "overlay signal where the base is brightest over that of fluid"

_SPACING = 3.0  # mm
_BRIGHTEST = 98.0
_BRIGHT = 90.0
_FEWEST = 100


def figures(base: Volume, overlay: Values) -> dict[str, float]:
    """Two ratios that are small in a pair of CE-T1WI and CE-MRN.

    Cerebrospinal fluid and vitreous body are the brightest of a long echo time and dark in T1 weighting; fat, marrow
    and enhancing tissue are the brightest of T1 weighting and suppressed by inversion, or by the contrast agent's T2
    effect.

    Parameters
    ----------
    overlay : (z, y, x)
        On the base's grid, 0 outside its field of view.
    """
    fixed = shrink(Image.of(base), _SPACING)
    moving = shrink(Image(values=overlay, affine=base.affine), _SPACING)
    covered = foreground(fixed) & (moving.values > 0)
    if np.count_nonzero(covered) < _FEWEST:
        return {FLUID: float("nan"), FAT: float("nan")}
    below, above = fixed.values[covered], moving.values[covered]
    fluid = above >= np.percentile(above, _BRIGHTEST)
    fat = below >= np.percentile(below, _BRIGHT)
    return {
        FLUID: float(np.median(below[fluid]) / np.median(below)),
        FAT: float(np.median(above[fat]) / np.median(above[fluid])),
    }
