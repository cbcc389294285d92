"""Parametric Map: real-world values as 32-bit floats (PS3.3 A.75)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap as ParametricMapImage
from highdicom.pm import RealWorldValueMapping
from pydicom import Dataset

from dicomnode.encode import grid
from dicomnode.encode.algorithm import concept
from dicomnode.encode.context import Context, body_part, constructor_arguments, stamp
from dicomnode.encode.series import Series
from dicomnode.sdk.findings import ParametricMap

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.30"


def build(finding: ParametricMap, context: Context, series: Series) -> Dataset:
    """Write a map onto the grid of its input; where it has no value it holds the padding value."""
    work, sources = context.work, context.sources
    image = ParametricMapImage(
        source_images=grid.carriers(sources.by_role[finding.on], work.geometry[finding.on]),
        pixel_array=stored_values(finding),
        further_source_images=_further(finding, context) or None,
        real_world_value_mappings=[_mapping(finding)],
        voi_lut_transformations=[
            VOILUTTransformation(window_center=float(finding.window[0]), window_width=float(finding.window[1]))
        ],
        contains_recognizable_visual_features=False,
        content_label=finding.label,
        content_qualification="RESEARCH" if work.mode == "research" else "PRODUCT",
        **constructor_arguments(context, series),
    )
    image.FloatPixelPaddingValue = image.FloatPixelPaddingRangeLimit = padding_value(finding)
    stamp(image, context, series)
    body_part(image, sources.by_role[finding.on][0])
    return image


def _further(finding: ParametricMap, context: Context) -> list[Dataset]:
    """Stand-ins for the images of the other inputs, each instance once."""
    sources, geometry = context.sources.by_role, context.work.geometry
    seen = {header.SOPInstanceUID for header in sources[finding.on]}
    others = {role: [h for h in sources[role] if h.SOPInstanceUID not in seen] for role in finding.derived_from}
    return [carrier for role, rest in others.items() if rest for carrier in grid.carriers(rest, geometry[role])]


def padding_value(finding: ParametricMap) -> float:
    """Stored where there is no value: at least 1 below every value and below the value range.

    A viewer that ignores Float Pixel Padding Value (0028,0122) shows it as the darkest shade. NaN is never written:
    many readers cannot window it.
    """
    lowest = min(_span(finding))
    return float(np.float32(lowest - 1 - abs(lowest)))


def stored_values(finding: ParametricMap) -> npt.NDArray[np.float32]:
    """(z, y, x) values as written: those of the finding, with the padding value for NaN."""
    return np.where(np.isnan(finding.array), np.float32(padding_value(finding)), finding.array)


def _mapping(finding: ParametricMap) -> RealWorldValueMapping:
    return RealWorldValueMapping(
        lut_label=finding.label,
        lut_explanation=finding.title[:64],
        unit=concept(finding.unit),
        value_range=_span(finding),
        slope=1.0,
        intercept=0.0,
        quantity_definition=concept(finding.quantity),
    )


def _span(finding: ParametricMap) -> tuple[float, float]:
    """The declared range, widened to the values that are there: each of them keeps its real-world meaning."""
    low, high = finding.value_range
    return min(float(low), float(np.nanmin(finding.array))), max(float(high), float(np.nanmax(finding.array)))
