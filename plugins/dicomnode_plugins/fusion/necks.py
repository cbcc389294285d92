"""The optional deformable stage: a neck that was bent between the two series is followed, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import bending, fields
from dicomnode_plugins._imaging.examination import outside
from dicomnode_plugins._imaging.grids import Values
from dicomnode_plugins._imaging.registration import Alignment

FOLLOWED = (
    "Look at the neck: the resampled CE-MRN and the pictures are deformed, they follow a bend of the neck of {:.0f} mm "
    "at most; a Spatial Registration, where one is written, holds the motion of the head alone."
)
_KEPT = "The neck was not followed, the motion of the whole stands: {}."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neck:
    """What was made of the neck, and what is to be said of it.

    Attributes
    ----------
    values : (z, y, x) or None
        The overlay on the base's grid where the bend is followed.
    """

    values: Values | None = None
    figures: Mapping[str, float]
    said: tuple[str, ...]


def follow(base: Volume, overlay: Volume, alignment: Alignment) -> Neck:
    """Resample the overlay through bend and motion where the bend can be believed."""
    if alignment.affine:
        return Neck(figures={}, said=(_KEPT.format("it is an affine one"),))
    found = bending.bending(base, overlay, alignment.matrix)
    if found is None:
        return Neck(figures={}, said=(_KEPT.format("the CE-T1 shows too little below the head"),))
    if failed := outside(found.figures, bending.SOUND):
        return Neck(figures=found.figures, said=(_KEPT.format("; ".join(failed)),))
    values = fields.through(found.displacements, base, overlay)
    return Neck(values=values, figures=found.figures, said=(FOLLOWED.format(found.figures[bending.LARGEST]),))
