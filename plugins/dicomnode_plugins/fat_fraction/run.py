"""From two echoes to findings."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import (
    Case,
    Context,
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    SecondaryCapture,
    Segment,
    Segmentation,
)
from dicomnode.sdk.codes import (
    ANATOMICAL_STRUCTURE,
    CUBIC_CENTIMETER,
    FAT_FRACTION,
    MEAN,
    MEDIAN,
    NO_UNITS,
    PERCENT,
    STANDARD_DEVIATION,
    VOLUME,
)
from dicomnode_plugins.fat_fraction import checks, codes, dual_echo, picture

ROLES = ("in_phase", "opposed_phase")
LABEL = "Body"
METHOD = "Dual-echo signal fat fraction, 50 (IP - OP) / IP; not a proton density fat fraction"


def run(case: Case, context: Context) -> list[Finding]:
    """Map the dual-echo signal fat fraction of the body.

    Raises
    ------
    Unsuitable
        When the two echoes are not what their roles say.
    """
    in_phase, opposed_phase = (case.volume(role) for role in ROLES)
    notes = checks.check_echo_times(in_phase, opposed_phase)
    context.progress(0.1, "body and noise")
    body = dual_echo.body_mask(in_phase)
    noise = dual_echo.noise(in_phase.array, body, in_phase.spacing)
    context.progress(0.4, "comparing the echoes")
    checks.check_content(in_phase.array, opposed_phase.array, body, noise.sigma)
    context.progress(0.7, "fat fraction")
    valid = body & (in_phase.array >= float(case.parameters["noise_gate"]) * noise.sigma) & (in_phase.array > 0)
    percent = dual_echo.signal_fat_fraction(in_phase.array, opposed_phase.array, valid)
    notes += checks.cautions(percent, noise.source)
    limit = float(case.parameters["display_limit"])
    return [
        _map(percent, limit),
        Segmentation(
            on="in_phase",
            labels=body.astype(np.uint8),
            segments=(Segment(label=LABEL, category=ANATOMICAL_STRUCTURE, type=codes.BODY, colour=(120, 170, 220)),),
        ),
        SecondaryCapture(
            on="in_phase",
            derived_from=ROLES,
            frames=picture.overlay(in_phase.array, percent, body, limit),
            title="Dual-echo fat fraction",
        ),
        *_statistics(percent, body, in_phase.voxel_volume, noise),
        QualitativeEvaluation(name=codes.METHOD, value=METHOD),
        *(QualitativeEvaluation(name=codes.CAUTION, value=note) for note in notes),
    ]


def _map(percent: dual_echo.FloatArray, limit: float) -> ParametricMap:
    return ParametricMap(
        on="in_phase",
        derived_from=ROLES,
        array=percent,
        quantity=FAT_FRACTION,
        unit=PERCENT,
        label="FAT_FRACTION",
        title="Dual-echo signal fat fraction",
        value_range=(0.0, 50.0),
        window=(limit / 2, limit),
    )


def _statistics(
    percent: dual_echo.FloatArray, body: dual_echo.Mask, voxel_mm3: float, noise: dual_echo.Noise
) -> list[Finding]:
    """Statistics of the whole measured body: no organ is outlined by this version."""
    values = percent[body & ~np.isnan(percent)].astype(np.float64)
    inside = int(np.count_nonzero(body))
    return [
        Measurement(name=FAT_FRACTION, value=float(np.mean(values)), unit=PERCENT, of=LABEL, derivation=MEAN),
        Measurement(name=FAT_FRACTION, value=float(np.median(values)), unit=PERCENT, of=LABEL, derivation=MEDIAN),
        Measurement(
            name=FAT_FRACTION, value=float(np.std(values)), unit=PERCENT, of=LABEL, derivation=STANDARD_DEVIATION
        ),
        Measurement(name=VOLUME, value=inside * voxel_mm3 / 1000, unit=CUBIC_CENTIMETER, of=LABEL, decimals=1),
        Measurement(name=codes.MEASURABLE, value=100 * values.size / inside, unit=PERCENT, of=LABEL, decimals=1),
    ]
