"""A segmentation that was received: which voxels of an input somebody has labelled, and as what."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dicomnode.sdk.codes import Code

Side = Literal["", "L", "R", "B"]
"""Left, right, both; empty where nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSegment:
    """One segment as its maker describes it (PS3.3 C.8.20.4). Codes of SRT are given as SNOMED CT."""

    label: str
    """What the maker calls it: free text, for the reader and not for decisions. What names the patient is withheld."""
    category: Code
    """Segmented property category."""
    type: Code
    """Segmented property type."""
    region: Code | None = None
    """Anatomic region, where it is coded."""
    side: Side = ""
    """Laterality, by a modifier of the type or of the region."""
    tracking_id: str = ""
    maker: Literal["", "AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"] = ""
    """Segment Algorithm Type."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """A received segmentation on the grid of an input.

    Attributes
    ----------
    on : str
        Input role whose grid this is on.
    array : (z, y, x) uint8
        0 is background, n is ``segments[n - 1]``.
    segments : tuple of LabelledSegment
        All that are described, in the order of their numbers; one may have no voxel.
    """

    on: str
    array: npt.NDArray[np.uint8]
    segments: tuple[LabelledSegment, ...]

    def __post_init__(self) -> None:
        if self.array.ndim != 3 or self.array.dtype != np.uint8:
            raise ValueError(f"labels must be (z, y, x) uint8, got {self.array.shape} {self.array.dtype}")
        if int(self.array.max(initial=0)) > len(self.segments):
            raise ValueError("a label has no segment")

    def mask(self, segment: LabelledSegment) -> npt.NDArray[np.bool_]:
        """Voxels of one segment; (z, y, x) bool."""
        number = next(n for n, one in enumerate(self.segments, start=1) if one is segment)
        inside: npt.NDArray[np.bool_] = self.array == number
        return inside

    def of_type(self, types: Collection[Code]) -> tuple[LabelledSegment, ...]:
        """The segments of one of these types; code meanings do not count."""
        wanted = {(code.value, code.scheme) for code in types}
        return tuple(one for one in self.segments if (one.type.value, one.type.scheme) in wanted)
