"""A volume: values on a regular grid in the patient coordinate system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Volume:
    """Values in physical units on a grid; nothing here says whose they are.

    Attributes
    ----------
    array : (z, y, x) float32
        Slices along the grid's normal, rows, columns; true signal (rescale and scale slope applied).
    affine : (4, 4) float64
        From voxel (x, y, z, 1), that is (column, row, slice, 1), to patient LPS, mm.
    unit : str
        UCUM code of the values, ``1`` for arbitrary signal.
    frame : str
        Opaque label: volumes with the same label share a frame of reference; empty where the images name none, which
        says nothing about where two of them lie, and nothing can be written onto the grid of such a volume.
    acquisition : Mapping[str, float | str]
        Physics of the acquisition by DICOM keyword (``EchoTime`` ms, ``MagneticFieldStrength`` T ...); no identity.
    """

    array: FloatArray
    affine: npt.NDArray[np.float64]
    unit: str = "1"
    frame: str = ""
    acquisition: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or self.array.dtype != np.float32:
            raise ValueError(f"array must be (z, y, x) float32, got {self.array.shape} {self.array.dtype}")
        if self.affine.shape != (4, 4):
            raise ValueError(f"affine must be (4, 4), got {self.affine.shape}")

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring slices, rows and columns, mm."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel, mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))
