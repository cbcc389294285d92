"""Parametric Map: real-world values as 32-bit floats, or as 16-bit integers with their mapping (PS3.3 A.75)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap as ParametricMapImage
from highdicom.pm import RealWorldValueMapping
from pydicom import Dataset

from dicomnode.domain.task import ResultKind
from dicomnode.encode import frames, grid, references
from dicomnode.encode.algorithm import concept
from dicomnode.encode.context import Context, body_part, constructor_arguments, stamp
from dicomnode.encode.series import Series
from dicomnode.sdk.findings import ParametricMap

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.30"
NO_COUNT = 0
_COUNTS = 65535


def build(finding: ParametricMap, context: Context, series: Series) -> Dataset:
    """Write a map onto the grid of its input; where it has no value it holds the padding value."""
    work, sources = context.work, context.sources
    image = ParametricMapImage(
        source_images=grid.carriers(sources.by_role[finding.on], work.geometry[finding.on]),
        pixel_array=counts(finding) if series.kind == "PM16" else stored_values(finding),
        further_source_images=_further(finding, context) or None,
        real_world_value_mappings=[_mapping(finding, series.kind)],
        voi_lut_transformations=[_window(finding, series.kind)],
        contains_recognizable_visual_features=False,
        content_label=finding.label,
        content_qualification="RESEARCH" if work.mode == "research" else "PRODUCT",
        **constructor_arguments(context, series),
    )
    frames.resolve(image, [header for headers in sources.by_role.values() for header in headers])
    if series.kind == "PM16":
        image.PixelPaddingValue = NO_COUNT
        image["PixelPaddingValue"].VR = "US"
    else:
        image.FloatPixelPaddingValue = image.FloatPixelPaddingRangeLimit = padding_value(finding)
    stamp(image, context, series)
    body_part(image, sources.by_role[finding.on][0])
    return image


def _further(finding: ParametricMap, context: Context) -> list[Dataset]:
    """Stand-ins for the images of the other inputs, each once."""
    sources, geometry = context.sources.by_role, context.work.geometry
    seen = {references.key(header) for header in sources[finding.on]}
    others = {role: [h for h in sources[role] if references.key(h) not in seen] for role in finding.derived_from}
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


def counts(finding: ParametricMap) -> npt.NDArray[np.uint16]:
    """(z, y, x) values in 65 535 steps, :data:`NO_COUNT` for NaN: for archives that do not take floats."""
    low, _ = _span(finding)
    steps = np.rint((finding.array.astype(np.float64) - low) / step(finding)) + 1
    return np.where(np.isnan(finding.array), NO_COUNT, steps).astype(np.uint16)


def step(finding: ParametricMap) -> float:
    """Real-world value of one count."""
    low, high = _span(finding)
    return (high - low) / (_COUNTS - 1)


def _mapping(finding: ParametricMap, kind: ResultKind) -> RealWorldValueMapping:
    low, high = _span(finding)
    whole: dict[str, Any] = {"value_range": (low, high), "slope": 1.0, "intercept": 0.0}
    counted = {"value_range": (1, _COUNTS), "slope": step(finding), "intercept": low - step(finding)}
    return RealWorldValueMapping(
        lut_label=finding.label,
        lut_explanation=finding.title[:64],
        unit=concept(finding.unit),
        quantity_definition=concept(finding.quantity),
        **(counted if kind == "PM16" else whole),
    )


def _window(finding: ParametricMap, kind: ResultKind) -> VOILUTTransformation:
    """In stored values: those of the map, or its counts."""
    centre, width = map(float, finding.window)
    if kind == "PM16":
        low, _ = _span(finding)
        centre, width = round((centre - low) / step(finding) + 1, 3), round(width / step(finding), 3)
    return VOILUTTransformation(window_center=centre, window_width=width)


def _span(finding: ParametricMap) -> tuple[float, float]:
    """The declared range, widened to the values that are there: each of them keeps its real-world meaning."""
    low, high = finding.value_range
    return min(float(low), float(np.nanmin(finding.array))), max(float(high), float(np.nanmax(finding.array)))
