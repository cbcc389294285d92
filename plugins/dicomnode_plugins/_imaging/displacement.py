"""How far one volume lies from another of the same body, quickly: enough to tell whether a registration is needed."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Array, Image, foreground, shrink
from dicomnode_plugins._imaging.mutual_information import MutualInformation
from dicomnode_plugins._imaging.pose import RIGID, distance, in_patient

_SPACING = 3.0  # mm
_POINTS = 8000
_STEPS = 12
_ABOUT = 40.0  # mm to either side


def displacement(fixed: Volume, moving: Volume, centre: Array) -> float:
    """Mean distance, mm, between where the headers say the body is and where mutual information finds it.

    Parameters
    ----------
    centre : (3,)
        LPS mm; measured over a cube of 80 mm about it.
    """
    inner, outer = (shrink(Image.of(volume), _SPACING) for volume in (fixed, moving))
    measure = MutualInformation(inner, outer, centre, foreground(inner), _POINTS)
    motion = in_patient(measure.climb(np.zeros(RIGID), _STEPS), centre)
    corners = np.array(np.meshgrid(*[(-_ABOUT, _ABOUT)] * 3)).reshape(3, -1) + centre[:, None]
    return distance(motion, np.eye(4), corners)
