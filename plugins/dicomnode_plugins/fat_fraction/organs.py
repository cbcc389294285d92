"""Liver and spleen on the grid of the exam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins.fat_fraction import liver, scene, spleen
from dicomnode_plugins.fat_fraction.axial import axial_view
from dicomnode_plugins.fat_fraction.dual_echo import Mask
from dicomnode_plugins.fat_fraction.gates import Quality


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Organs:
    """What was found; (z, y, x) bool masks on the grid of the in-phase echo."""

    liver: Mask
    core: Mask
    """The liver without its rim and vessels."""
    spleen: Mask
    """A sample of the spleen; empty when none was found."""
    quality: Quality
    """Of the liver: it may be used only where nothing failed."""
    is_given: bool = False
    """The liver is the given one, no proposal."""
    refused: tuple[str, ...] = ()
    """What speaks against a liver that was given and is not used, in words."""


def search(in_phase: Volume, opposed: Volume, body: Mask, given: Mask | None = None) -> Organs:
    """Liver and spleen: the given liver where it passes the gate, else a proposal.

    Parameters
    ----------
    in_phase, opposed : Volume
        On one grid of any orientation.
    body : (z, y, x) bool
    given : (z, y, x) bool, optional
        The liver as somebody else has drawn it.
    """
    view = axial_view(in_phase.affine)
    inside = view.of(body if given is None else body | given)
    box = scene.body_box(inside)
    seen = scene.look(
        view.of(in_phase.array)[box], view.of(opposed.array)[box], view.of(body)[box], view.spacing(in_phase.spacing)
    )
    chosen = None if given is None else liver.of_mask(seen, view.of(given)[box])
    refused = chosen.quality.failed if chosen else ()
    if chosen is None or refused:
        chosen = liver.propose(seen)
    found = (chosen.mask, chosen.core, spleen.find(seen, chosen.mask, chosen.core))
    masks = []
    for part in found:
        whole = np.zeros(inside.shape, np.bool_)
        whole[box] = part
        masks.append(view.back(whole))
    return Organs(
        liver=masks[0],
        core=masks[1],
        spleen=masks[2],
        quality=chosen.quality,
        is_given=given is not None and not refused,
        refused=refused,
    )
