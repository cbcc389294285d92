"""How far one volume lies from another of the same body, quickly: enough to tell whether a registration is needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Array, Image, foreground, shrink
from dicomnode_plugins._imaging.mutual_information import MutualInformation
from dicomnode_plugins._imaging.pose import RIGID, distance, in_patient, matrix

_SPACING = 3.0  # mm
_POINTS = 8000
_STEPS = 12
_ABOUT = 40.0  # mm to either side


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """What a quick look at two volumes says."""

    distance: float
    """Mean, mm, between where the headers say the body is and where mutual information finds it."""
    information: float
    """Normalised mutual information there; where it is small, the distance says nothing."""


def displacement(fixed: Volume, moving: Volume, centre: Array) -> Displacement:
    """How far the body has moved between two volumes, from the headers' own pose on.

    Parameters
    ----------
    centre : (3,)
        LPS mm; measured over a cube of 80 mm about it.
    """
    inner, outer = (shrink(Image.of(volume), _SPACING) for volume in (fixed, moving))
    measure = MutualInformation(inner, outer, centre, foreground(inner), _POINTS)
    pose = measure.climb(np.zeros(RIGID), _STEPS)
    motion = in_patient(pose, centre)
    corners = np.array(np.meshgrid(*[(-_ABOUT, _ABOUT)] * 3)).reshape(3, -1) + centre[:, None]
    return Displacement(distance=distance(motion, np.eye(4), corners), information=measure(matrix(pose))[0])
