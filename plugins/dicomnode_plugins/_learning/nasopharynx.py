"""From the series of an exam to what a network sees of the nasopharynx: one way, for training and for a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import examination
from dicomnode_plugins._imaging.displacement import displacement
from dicomnode_plugins._imaging.grids import Array, Image, Values
from dicomnode_plugins._imaging.registration import register
from dicomnode_plugins._imaging.resampling import resampled
from dicomnode_plugins._learning.landmark import nasopharynx
from dicomnode_plugins._learning.preparation import normalised
from dicomnode_plugins._learning.statistics import image_statistics

REFERENCE = "t1"
"""The sequence that the landmark is found in and that the others are laid on."""
MOST_MOTION = 5.0
"""mm; where a sequence lies farther away than this, it is registered."""
LEAST_INFORMATION = 1.09
"""Normalised mutual information with the reference; where it is less, the two may not show the same place, and a whole
registration must tell. Phantom pairs that lie on each other have 1.10 and more, other patients and lost ones 1.07."""
_LEAST_COVERED = 0.9
_HALF = 0.5


class NotPrepared(ValueError):
    """A sequence cannot be brought before the network; the text says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """Voxels about the nasopharynx along the patient's axes: slices to the head, rows to the back, columns left."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    """mm."""

    def affine(self, centre: Array) -> Array:
        """From voxel (x, y, z, 1) to LPS, mm, for a crop about a centre (x, y, z)."""
        affine = np.diag([*self.spacing[::-1], 1.0])
        affine[:3, 3] = centre - (np.array(self.shape[::-1]) - 1) / 2 * self.spacing[::-1]
        return affine


WIDE = Crop(shape=(32, 128, 128), spacing=(3.0, 0.9, 0.9))
"""For DenseNet-121."""
NARROW = Crop(shape=(14, 40, 40), spacing=(5.0, 2.0, 2.0))
"""For the small form."""
CROPS: Mapping[str, Crop] = {"wide": WIDE, "narrow": NARROW}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """What networks see of one exam."""

    volumes: Mapping[str, npt.NDArray[np.float32]]
    """Sequence to (z, y, x) float32: mean 0 and spread 1 in the body."""
    affine: Array
    """Of all of them, from voxel (x, y, z, 1) to LPS, mm."""
    motion: Mapping[str, float]
    """Sequence to its distance from the reference, mm, before a registration."""
    registered: tuple[str, ...]
    """Sequences that were registered, since they had moved or share no frame of reference."""

    @property
    def statistics(self) -> dict[str, float]:
        """Plain numbers by which a change of the protocol shows: the features of a decision."""
        return image_statistics({name: volume - volume.min() for name, volume in self.volumes.items()})


def prepare(sequences: Mapping[str, Volume], crop: Crop) -> Prepared:
    """Bring the sequences of one exam onto a crop about its nasopharynx.

    The patient's axes take the place of each series' own, voxels are averaged or interpolated linearly once, and each
    sequence is clipped and scaled within its body (:func:`~dicomnode_plugins._learning.preparation.normalised`).

    Parameters
    ----------
    sequences : Mapping
        Must hold :data:`REFERENCE`, T1 without contrast agent.

    Raises
    ------
    dicomnode_plugins._learning.landmark.NotFound
        When the reference shows no nasopharynx.
    NotPrepared
        When a sequence leaves too much of the crop out, moved so that no registration can be believed, or holds no
        image.
    """
    reference = sequences[REFERENCE]
    centre = nasopharynx(reference)
    affine = crop.affine(centre)
    volumes: dict[str, npt.NDArray[np.float32]] = {}
    motion: dict[str, float] = {}
    registered = []
    for name, volume in sequences.items():
        matrix = np.eye(4)
        if name != REFERENCE:
            same_frame = bool(reference.frame) and reference.frame == volume.frame
            seen = displacement(reference, volume, centre)
            motion[name] = seen.distance
            if seen.distance > MOST_MOTION or seen.information < LEAST_INFORMATION or not same_frame:
                matrix = _believed(name, reference, volume)
                registered.append(name)
        volumes[name] = _cropped(name, volume, affine, crop, matrix)
    return Prepared(volumes=volumes, affine=affine, motion=motion, registered=tuple(registered))


def on_crop(mask: Volume, affine: Array, crop: Crop) -> npt.NDArray[np.float32]:
    """A mask of 0 and 1 on a crop: 1 where at least half of a voxel is of it, (z, y, x)."""
    inside: npt.NDArray[np.float32] = (resampled(mask, affine, crop.shape, np.eye(4)) >= _HALF).astype(np.float32)
    return inside


def _believed(name: str, reference: Volume, volume: Volume) -> Array:
    alignment = register(reference, volume)
    if failed := examination.outside(alignment.figures, examination.SOUND):
        raise NotPrepared(f"{name} cannot be laid on {REFERENCE}: {'; '.join(failed)}")
    return alignment.matrix


def _cropped(name: str, volume: Volume, affine: Array, crop: Crop, matrix: Array) -> Values:
    covered = _covered(volume, affine, crop, matrix)
    if covered < _LEAST_COVERED:
        raise NotPrepared(f"{name} covers {covered:.0%} of the region about the nasopharynx; 90 % are needed")
    try:
        return normalised(resampled(volume, affine, crop.shape, matrix))
    except ValueError as error:
        raise NotPrepared(f"{name}: {error}") from error


def _covered(volume: Volume, affine: Array, crop: Crop, matrix: Array) -> float:
    """Share of a crop's voxels that lie within a volume, each voxel of it reaching half way to its neighbours."""
    voxels = np.indices(crop.shape).reshape(3, -1)[::-1]
    to_volume = (np.linalg.inv(volume.affine) @ matrix @ affine)[:3]
    places = to_volume[:, :3] @ voxels + to_volume[:, 3:]
    size = Image.of(volume).size[:, None]
    return float(((places >= -0.5) & (places <= size - 0.5)).all(0).mean())
