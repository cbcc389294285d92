"""What is reported of separated water and fat: map, colour picture, outlines, numbers; swapped images are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dicomnode.sdk import (
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    SecondaryCapture,
    Unsuitable,
    Volume,
)
from dicomnode.sdk.codes import CUBIC_CENTIMETER, FAT_FRACTION, PERCENT
from dicomnode_plugins.fat_fraction import codes, dual_echo, gray, organs, outlines, picture, readings, summary
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask
from dicomnode_plugins.fat_fraction.organs import Organs

LEAST_FAT = 50.0
"""Percent; what most of the bright rim below the skin holds at least, or water and fat have changed places."""
_RIM = (3.0, 12.0)  # mm below the skin
_LEAST_VOXELS = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaterFat:
    """Separated water and fat with what was found in them."""

    on: str
    """Input role whose grid this is on."""
    derived_from: tuple[str, ...]
    total: Volume
    """Water and fat together, as an in-phase echo without decay would show them."""
    percent: FloatArray
    """100 F / (W + F); NaN where it cannot be measured."""
    body: Mask
    organs: Organs


def look(
    on: str,
    derived_from: tuple[str, ...],
    water: Volume,
    fat: FloatArray,
    percent: FloatArray | None,
    noise_gate: float,
) -> WaterFat:
    """Find body, liver and spleen in the sum and in water alone, where fat is dark and never taken for liver.

    Parameters
    ----------
    water : Volume
        Magnitude of water, (z, y, x).
    fat : (z, y, x) float32
        Magnitude of fat.
    percent : (z, y, x) float32, optional
        Fat fraction, where it is known better than from both magnitudes.
    noise_gate : float
        In noise standard deviations of the sum.

    Raises
    ------
    Unsuitable
        When nothing stands out from the noise, or water and fat have changed places.
    """
    total = replace(water, array=water.array + fat)
    body = dual_echo.body_mask(total)
    noise = dual_echo.noise(total.array, body, total.spacing)
    measurable = body & (total.array > 0) & (total.array >= noise_gate * noise.sigma)
    if not measurable.any():
        raise Unsuitable("too noisy: no voxel of the body has signal above the noise gate")
    if percent is None:
        percent = np.full(fat.shape, np.nan, np.float32)
        np.divide(100 * fat, total.array, out=percent, where=measurable)
    percent = np.where(measurable, percent, np.float32(np.nan))
    check_swap(percent, total, body)
    return WaterFat(
        on=on,
        derived_from=derived_from,
        total=total,
        percent=percent,
        body=body,
        organs=organs.search(total, water, body),
    )


def check_swap(percent: FloatArray, total: Volume, body: Mask) -> None:
    """The brightest tissue below the skin is fat.

    Raises
    ------
    Unsuitable
        When it reads as water.
    """
    shallow, deep = (dual_echo.dilated(~body, 2 * depth, total.spacing) for depth in _RIM)
    rim = deep & ~shallow & np.isfinite(percent)
    if np.count_nonzero(rim) < _LEAST_VOXELS:
        return
    bright = total.array[rim] > np.percentile(total.array[rim], 60)
    seen = float(np.median(percent[rim][bright]))
    if seen < LEAST_FAT:
        raise Unsuitable(
            f"water and fat seem swapped: the brightest tissue below the skin reads {seen:.0f} % fat, at least "
            f"{LEAST_FAT:g} % is asked"
        )


def findings(seen: WaterFat, title: str, label: str, limit: float, said: Sequence[Finding] = ()) -> list[Finding]:
    """Maps, pictures, outlines, the numbers of liver and spleen, and a page that sums them up with what else is said.

    Parameters
    ----------
    label : str
        Of the map, VR CS.
    limit : float
        Fat fraction at the upper end of the colours, percent.
    said : sequence of Finding
        Further numbers and statements; they end the result.
    """
    numbers = [*_numbers(seen), *said]
    shown = summary.slices(seen.body if seen.organs.quality.failed else seen.organs.liver)
    frames = picture.overlay(seen.total.array, seen.percent, seen.body, limit, outlines.borders(seen.organs))
    return [
        ParametricMap(
            on=seen.on,
            derived_from=seen.derived_from,
            array=seen.percent,
            quantity=FAT_FRACTION,
            unit=PERCENT,
            label=label,
            title=title,
            value_range=(0.0, 100.0),
            window=(limit / 2, limit),
        ),
        gray.image(seen.on, seen.derived_from, seen.percent, title, limit),
        SecondaryCapture(on=seen.on, derived_from=seen.derived_from, frames=frames, title=f"{title} in colour"),
        summary.page(title, seen.derived_from, frames, shown, numbers),
        outlines.segmentation(seen.on, seen.body, seen.organs),
        *numbers,
    ]


def _numbers(seen: WaterFat) -> list[Finding]:
    found, size = seen.organs, seen.total.voxel_volume
    if found.quality.failed:
        why = f"{readings.ROI_MODE}: {'; '.join(found.quality.failed)}. {readings.BY_HAND}"
        return [
            *readings.described(seen.percent, seen.body, size, readings.BODY),
            QualitativeEvaluation(name=codes.CAUTION, value=why, of=readings.BODY),
        ]
    volume = np.count_nonzero(found.liver) * size / 1000
    return [
        *readings.described(seen.percent, found.core, size, readings.LIVER),
        Measurement(name=codes.OUTLINE, value=volume, unit=CUBIC_CENTIMETER, of=readings.LIVER, decimals=0),
        QualitativeEvaluation(name=codes.CAUTION, value=readings.PROPOSAL, of=readings.LIVER),
        *(readings.described(seen.percent, found.spleen, size, readings.SPLEEN) if found.spleen.any() else ()),
    ]
