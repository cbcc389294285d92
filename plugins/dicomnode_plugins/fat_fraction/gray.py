"""A map as plain gray images, for viewers that cannot show a Parametric Map."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import DerivedImage
from dicomnode_plugins.fat_fraction import codes
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray

NO_VALUE = -100.0
"""Where nothing was measured: below every value and black in every window."""


def image(on: str, derived_from: tuple[str, ...], percent: FloatArray, title: str, limit: float) -> DerivedImage:
    """The map in percent, from 1 above :data:`NO_VALUE` to 100; stored in steps of 0.003 points.

    Parameters
    ----------
    percent : (z, y, x) float32
        NaN where there is no value.
    limit : float
        Upper end of the display window, percent.
    """
    return DerivedImage(
        on=on,
        derived_from=derived_from,
        array=np.where(np.isnan(percent), np.float32(NO_VALUE), percent.clip(NO_VALUE + 1, 100)),
        title=f"{title}, percent, {NO_VALUE:g} where none",
        window=(limit / 2, limit),
        derivation=codes.DIVISION,
    )
