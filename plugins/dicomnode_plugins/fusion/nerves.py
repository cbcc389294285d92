"""Signal of a nerve over that of muscle, on the affected and on the other side, from regions of interest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.grids import Array, Mask, Values

_FEWEST = 4
"""Voxels without which a mean says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalRatio:
    """SI_nerve / SI_muscle of one side, the study's normalised nerve signal."""

    nerve: float
    """Mean signal."""
    muscle: float

    @property
    def value(self) -> float:
        """The ratio."""
        return self.nerve / self.muscle


def signal_ratio(neurogram: Values, nerve: Mask, muscle: Mask) -> SignalRatio:
    """The ratio of mean signals in two regions.

    Parameters
    ----------
    neurogram : (z, y, x) float32
        CE-MRN.
    nerve, muscle : (z, y, x) bool

    Raises
    ------
    ValueError
        When a region has fewer than four voxels, both share a voxel, or muscle has no signal.
    """
    for name, region in (("nerve", nerve), ("muscle", muscle)):
        if np.count_nonzero(region) < _FEWEST:
            raise ValueError(f"the region of {name} has fewer than {_FEWEST} voxels")
    if (nerve & muscle).any():
        raise ValueError("the regions of nerve and muscle share voxels")
    mean = float(neurogram[muscle].mean(dtype=np.float64))
    if mean <= 0:
        raise ValueError("muscle has no signal")
    return SignalRatio(nerve=float(neurogram[nerve].mean(dtype=np.float64)), muscle=mean)


def ratio_of_ratios(affected: SignalRatio, other: SignalRatio) -> float:
    """How much brighter the affected nerve is than its counterpart; above 1 in the study's involved nerves."""
    return affected.value / other.value


def mirrored_region(region: Mask, volume: Volume, contralateral: Array) -> Mask:
    """A proposal for the same structure on the other side, for a person to correct.

    Parameters
    ----------
    region : (z, y, x) bool
        On the volume's grid.
    contralateral : (4, 4)
        From patient coordinates to those of the other side
        (:attr:`dicomnode_plugins._imaging.registration.Alignment.contralateral`).

    Returns
    -------
    (z, y, x) bool
        Nearest voxels; empty where the other side lies outside the volume.
    """
    proposal = np.zeros_like(region)
    # Backwards, so that no voxel of the proposal is skipped.
    to_region = np.linalg.inv(volume.affine) @ np.linalg.inv(contralateral) @ volume.affine
    forward = np.linalg.inv(to_region)
    voxels = np.argwhere(region)[:, ::-1]
    if not len(voxels):
        return proposal
    placed = voxels @ forward[:3, :3].T + forward[:3, 3]
    size = np.array(region.shape[::-1])
    low = np.floor(placed.min(0)).astype(int).clip(0, size)
    high = (np.ceil(placed.max(0)).astype(int) + 1).clip(0, size)
    box = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), -1).reshape(-1, 3)
    source = np.rint(box @ to_region[:3, :3].T + to_region[:3, 3]).astype(int)
    within = ((source >= 0) & (source < size)).all(1)
    box, source = box[within], source[within]
    proposal[tuple(box[:, ::-1].T)] = region[tuple(source[:, ::-1].T)]
    return proposal
