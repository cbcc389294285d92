"""Pairs of CE-T1WI and CE-MRN in the geometry of two makers, in a known pose, and pairs that must be refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.fusion import phantom
from benchmarks.fusion.anatomy import draw, rotation
from dicomnode.sdk import Volume

FloatArray = npt.NDArray[np.floating]
CORONAL = np.array([(1, 0, 0), (0, 0, 1), (0, -1, 0)], float)
"""Columns: along a row to the left, down a column to the feet, from slice to slice to the back."""
PIVOT = np.array((0.0, 8.0, -25.0))
NEGATIVES = ("other_patient", "noise", "disjoint", "upside_down", "mirrored", "same", "t1", "t2", "ce_t1_fs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One series of a maker: the grid of the study's Table 1, spacing (slice, row, column) in mm."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    centre: tuple[float, float, float]
    blur: float
    noise: float

    def affine(self, step: int) -> FloatArray:
        """From voxel to LPS, where every voxel stands for ``step`` along each axis."""
        affine = np.eye(4)
        affine[:3, :3] = CORONAL * np.array(self.spacing[::-1]) * step
        size = np.array(self.grid(step)[::-1])
        affine[:3, 3] = np.array(self.centre) - affine[:3, :3] @ ((size - 1) / 2)
        return affine

    def grid(self, step: int) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        slices, rows, columns = (n // step for n in self.shape)
        return slices, rows, columns


def _protocols(t1: tuple, mrn: tuple, blurs: tuple[float, float]) -> tuple[Protocol, Protocol]:
    return (
        Protocol(shape=t1[0], spacing=t1[1], centre=(0, 5, -20), blur=blurs[0], noise=14),
        Protocol(shape=mrn[0], spacing=mrn[1], centre=(0, 8, -25), blur=blurs[1], noise=22),
    )


MAKERS = {
    "siemens": _protocols(((128, 378, 340), (1.0, 0.9, 0.8)), ((100, 475, 475), (1.0, 0.4, 0.4)), (0.0, 0.7)),
    "philips": _protocols(((64, 243, 300), (2.0, 1.0, 1.0)), ((60, 247, 312), (2.0, 0.81, 0.80)), (1.0, 0.8)),
}
"""CE-T1WI and CE-MRN."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pair:
    """Two volumes and what takes patient coordinates of the first to those of the second."""

    t1: Volume
    mrn: Volume
    truth: FloatArray

    def errors(self, matrix: FloatArray) -> FloatArray:
        """Target registration errors of a matrix from ``t1`` to ``mrn``, mm."""
        targets = TARGETS
        gap = (matrix - self.truth)[:3]
        return np.linalg.norm(targets @ gap[:, :3].T + gap[:, 3], axis=1)


def _targets() -> FloatArray:
    points = np.random.default_rng(3).uniform(-1, 1, (360, 3))
    return points[(points**2).sum(1) < 1][:120] * (70, 42, 80) + PIVOT


TARGETS = _targets()
"""120 points in an ellipsoid about the pivot, LPS mm."""


def make(
    maker: str,
    seed: int,
    *,
    degrees: float = 20.0,
    millimetres: float = 30.0,
    scale: float = 0.0,
    step: int = 1,
    kind: str = "true",
) -> Pair:
    """The pair of a seed.

    Parameters
    ----------
    degrees, millimetres, scale : float
        Largest turn and shift on each axis, and largest share of stretch.
    step : int
        1 for the size of the study; 2 for voxels of twice the side.
    kind : str
        ``true`` or one of :data:`NEGATIVES`.
    """
    random = np.random.default_rng(seed)
    linear = rotation(*random.uniform(-degrees, degrees, 3)) @ np.diag(1 + random.uniform(-scale, scale, 3))
    truth = np.eye(4)
    truth[:3, :3] = linear
    truth[:3, 3] = PIVOT + random.uniform(-millimetres, millimetres, 3) - linear @ PIVOT
    volumes = []
    for number, protocol in enumerate(MAKERS[maker]):
        affine, grid = protocol.affine(step), protocol.grid(step)
        head = draw(seed + 1000 if kind == "other_patient" and number else seed)
        contrast = (kind if kind in phantom.CONTRASTS else "ce_mrn") if number else "ce_t1"
        pose = np.linalg.inv(truth) if number else np.eye(4)
        blur = max(protocol.blur, 0.4 * step * protocol.spacing[0] if step > 1 else 0)
        image = phantom.paint(head, grid, affine, contrast, pose, blur)
        volumes.append(phantom.volume(phantom.degrade(image, random, protocol.noise), affine))
    t1, mrn = _spoiled(kind, volumes[0], volumes[1], random)
    return Pair(t1=t1, mrn=mrn, truth=truth)


def _spoiled(kind: str, t1: Volume, mrn: Volume, random: np.random.Generator) -> tuple[Volume, Volume]:
    if kind == "noise":
        return t1, phantom.volume(np.abs(random.normal(60, 40, mrn.array.shape)), mrn.affine)
    if kind == "mirrored":
        return t1, phantom.volume(mrn.array[:, :, ::-1].copy(), mrn.affine)
    if kind == "upside_down":
        return t1, phantom.volume(mrn.array[:, ::-1].copy(), mrn.affine)
    if kind == "same":
        return t1, phantom.volume(t1.array, t1.affine)
    if kind == "disjoint":  # rows run to the feet: the head above 25 mm here, the neck below -55 mm there
        head = int((t1.affine[2, 3] - 25) / t1.spacing[1])
        neck = int((mrn.affine[2, 3] + 55) / mrn.spacing[1])
        lower = mrn.affine.copy()
        lower[2, 3] -= neck * mrn.spacing[1]
        return (
            phantom.volume(t1.array[:, :head].copy(), t1.affine),
            phantom.volume(mrn.array[:, neck:].copy(), lower),
        )
    return t1, mrn
