"""A stack: the images of one series that form one volume, or a segmentation of them. The unit roles are given to."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dicomnode.domain.identity import SeriesInstanceUID, SOPInstanceUID
from dicomnode.domain.instance import Facts

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """A regular grid in the patient coordinate system (LPS, mm; PS3.3 C.7.6.2)."""

    shape: tuple[int, int, int]
    """Slices, rows, columns."""
    origin: Vector
    """Centre of the first voxel of the first slice."""
    spacing: Vector
    """Distance between slices, rows and columns."""
    row: Vector
    """Unit vector along a row: the direction in which the column index grows."""
    column: Vector
    """Unit vector along a column: the direction in which the row index grows."""
    normal: Vector
    """Unit vector from slice to slice; the slice order follows it."""

    @property
    def square(self) -> bool:
        """Whether rows and columns lie equally far apart, within 1 %."""
        return math.isclose(self.spacing[1], self.spacing[2], rel_tol=0.01)

    def affine(self) -> tuple[tuple[float, ...], ...]:
        """4 x 4 matrix from voxel (column i, row j, slice k, 1) to LPS mm."""
        between_slices, between_rows, between_columns = self.spacing
        rows = [
            (
                self.row[n] * between_columns,
                self.column[n] * between_rows,
                self.normal[n] * between_slices,
                self.origin[n],
            )
            for n in range(3)
        ]
        return (*rows, (0.0, 0.0, 0.0, 1.0))

    def corners(self) -> tuple[Vector, ...]:
        """The eight corner voxel centres, LPS mm."""
        affine = self.affine()
        ends = [
            (k, j, i) for k in (0, self.shape[0] - 1) for j in (0, self.shape[1] - 1) for i in (0, self.shape[2] - 1)
        ]
        return tuple(
            (
                affine[0][0] * i + affine[0][1] * j + affine[0][2] * k + affine[0][3],
                affine[1][0] * i + affine[1][1] * j + affine[1][2] * k + affine[1][3],
                affine[2][0] * i + affine[2][1] * j + affine[2][2] * k + affine[2][3],
            )
            for k, j, i in ends
        )

    def farthest_corner(self, other: Geometry) -> float:
        """Largest distance, mm, between the corners of two grids of equal shape."""
        return max(math.dist(mine, theirs) for mine, theirs in zip(self.corners(), other.corners(), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleDecision:
    """What a stack is, and why."""

    role: str
    """For example ``in-phase``; empty when unknown or ambiguous."""
    reasons: tuple[str, ...]
    """The evidence for it in words; the first one is the deciding one."""
    against: tuple[str, ...] = ()
    """The evidence against it in words."""
    score: float = 0.0
    """Weight of the evidence for the role in all evidence, 0 to 1; 0 where no role is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Image planes that form one volume: single-frame instances, or frames of multi-frame ones."""

    stack_id: str
    """Stable for the same instances: a digest of the series and what sets this stack apart in it."""
    series_instance_uid: SeriesInstanceUID
    frame_of_reference_uid: str
    instances: tuple[SOPInstanceUID, ...]
    """One for each slice, in the order of the grid; a multi-frame instance stands for each of its frames."""
    frames: tuple[int, ...] = ()
    """Frame number, from 1, of each slice in its instance; empty where the instances are single frames."""
    facts: Facts
    """Attributes that all instances share, and those of the first slice where they differ."""
    geometry: Geometry | None
    refusal: str = ""
    """Why there is no geometry; empty when there is one."""
    role: RoleDecision
    notes: tuple[str, ...] = ()
    """What is unusual about the images and no reason to refuse them."""
    is_segmentation: bool = False
    """These are labels and no images."""
    made_on: tuple[SeriesInstanceUID, ...] = ()
    """Of a segmentation: the series whose images it labels."""
