"""Read a fat fraction map from the object that came back, and hold it against the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset, dcmread
from pydicom.uid import ParametricMapStorage

from dicomnode.demo.phantom import Truth
from dicomnode.domain.stack import Geometry


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One region, true and measured, percent."""

    region: str
    true: float
    measured: float


def compare(files: Sequence[Path], truth: Truth) -> list[Comparison]:
    """Median of the returned parametric map in every known region.

    Raises
    ------
    ValueError
        When there is not exactly one parametric map among the files.
    """
    found = [dcmread(path) for path in files if dcmread(path, specific_tags=["SOPClassUID"]).SOPClassUID == ParametricMapStorage]
    if len(found) != 1:
        raise ValueError(f"expected one parametric map, {len(found)} came back")
    percent = read_map(found[0], truth.geometry)
    return [
        Comparison(region=region.name, true=region.fat_fraction, measured=region.measured(percent))
        for region in truth.regions
    ]


def read_map(dataset: Dataset, geometry: Geometry) -> npt.NDArray[np.float32]:
    """Values (z, y, x) of a parametric map on a grid, NaN where it has none; frames are placed by their position."""
    values = np.full(geometry.shape, np.nan, np.float32)
    frames = np.frombuffer(dataset.FloatPixelData, np.float32).reshape(-1, dataset.Rows, dataset.Columns)
    for frame, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence, strict=True):
        position = np.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        height = float(np.dot(position - geometry.origin, geometry.normal))
        values[round(height / geometry.spacing[0])] = frame
    values[values == np.float32(dataset.FloatPixelPaddingValue)] = np.nan
    return values
