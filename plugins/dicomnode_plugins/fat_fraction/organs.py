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
    """Of the liver proposal: it may be used only where nothing failed."""


def search(in_phase: Volume, opposed: Volume, body: Mask) -> Organs:
    """Propose liver and spleen.

    Parameters
    ----------
    in_phase, opposed : Volume
        On one grid of any orientation.
    body : (z, y, x) bool
    """
    view = axial_view(in_phase.affine)
    inside = view.of(body)
    box = scene.body_box(inside)
    seen = scene.look(
        view.of(in_phase.array)[box], view.of(opposed.array)[box], inside[box], view.spacing(in_phase.spacing)
    )
    proposal = liver.propose(seen)
    found = (proposal.mask, proposal.core, spleen.find(seen, proposal.mask, proposal.core))
    masks = []
    for part in found:
        whole = np.zeros(inside.shape, np.bool_)
        whole[box] = part
        masks.append(view.back(whole))
    return Organs(liver=masks[0], core=masks[1], spleen=masks[2], quality=proposal.quality)
