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
    PERCENT,
    STANDARD_DEVIATION,
    VOLUME,
)
from dicomnode_plugins.fat_fraction import checks, codes, dual_echo, picture, protocol
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask

IN_PHASE, OPPOSED_PHASE = "in_phase", "opposed_phase"
BODY = "Body in the field of view"
METHOD = "Dual-echo signal fat fraction, 50 (IP - OP) / IP; not a proton density fat fraction"
NO_LIVER = (
    "No liver outline in this version: the statistics are of the whole body in the field of view. "
    "Tissue with more than 50 % fat, such as subcutaneous fat, reads folded: 90 % reads 10 %."
)
_FOLD_OVER = 40.0  # percent


def run(case: Case, context: Context) -> list[Finding]:
    """Map the dual-echo signal fat fraction.

    Raises
    ------
    Unsuitable
        When the echoes are no in-phase and opposed-phase pair, by their headers or by their content.
    """
    in_phase, opposed = case.volume(IN_PHASE), case.volume(OPPOSED_PHASE)
    protocol.check(in_phase, opposed)
    context.progress(0.1, "body and noise")
    body = dual_echo.body_mask(in_phase)
    noise = dual_echo.noise(in_phase.array, body, in_phase.spacing)
    measurable = body & (in_phase.array > 0) & (in_phase.array >= float(case.parameters["noise_gate"]) * noise.sigma)
    context.progress(0.4, "comparing the echoes")
    checks.check_content(in_phase.array, opposed.array, body, measurable, noise.sigma, in_phase.spacing)
    context.progress(0.7, "fat fraction")
    percent = dual_echo.signal_fat_fraction(in_phase.array, opposed.array, measurable)
    limit = float(case.parameters["display_limit"])
    said = [*protocol.cautions(in_phase, opposed), *_fold_over(percent[measurable])]
    return [
        _map(percent, limit),
        _outline(body),
        _picture(picture.overlay(in_phase.array, percent, body, limit)),
        *_statistics(percent, body, in_phase.voxel_volume),
        QualitativeEvaluation(name=codes.METHOD, value=METHOD),
        QualitativeEvaluation(name=codes.NOISE_SOURCE, value=f"{noise.source}; sigma {noise.sigma:.3g}"),
        QualitativeEvaluation(name=codes.CAUTION, value=NO_LIVER, of=BODY),
        *(QualitativeEvaluation(name=codes.CAUTION, value=caution) for caution in said),
    ]


def _map(percent: FloatArray, limit: float) -> Finding:
    return ParametricMap(
        on=IN_PHASE,
        derived_from=(IN_PHASE, OPPOSED_PHASE),
        array=percent,
        quantity=FAT_FRACTION,
        unit=PERCENT,
        label="FAT FRACTION",
        title="Dual-echo signal fat fraction",
        value_range=(0.0, 50.0),
        window=(limit / 2, limit),
    )


def _outline(body: Mask) -> Finding:
    segment = Segment(label=BODY, category=ANATOMICAL_STRUCTURE, type=codes.BODY, colour=(120, 170, 220))
    return Segmentation(on=IN_PHASE, labels=body.astype(np.uint8), segments=(segment,))


def _picture(frames: picture.Pixels) -> Finding:
    return SecondaryCapture(
        on=IN_PHASE,
        derived_from=(IN_PHASE, OPPOSED_PHASE),
        frames=frames,
        title="Dual-echo signal fat fraction in colour",
    )


def _statistics(percent: FloatArray, body: Mask, voxel_volume: float) -> list[Finding]:
    """Of all measurable voxels of the body; smallest and largest would only tell the noise."""
    inside = percent[body].astype(np.float64)
    values = inside[~np.isnan(inside)]
    derived = ((MEAN, np.mean(values)), (MEDIAN, np.median(values)), (STANDARD_DEVIATION, np.std(values)))
    volume, measurable = inside.size * voxel_volume / 1000, 100 * values.size / inside.size
    return [
        *(
            Measurement(name=FAT_FRACTION, value=float(value), unit=PERCENT, of=BODY, derivation=derivation)
            for derivation, value in derived
        ),
        Measurement(name=VOLUME, value=volume, unit=CUBIC_CENTIMETER, of=BODY, decimals=0),
        Measurement(name=codes.MEASURABLE, value=measurable, unit=PERCENT, of=BODY, decimals=1),
    ]


def _fold_over(values: FloatArray) -> list[str]:
    """Say how much of the body reads so high that fat and water may have changed places."""
    part = float(np.mean(values > _FOLD_OVER))
    if not part:
        return []
    above = f"{part:.1%} of the measured voxels read above {_FOLD_OVER:g} %"
    return [f"Fold-over possible: {above}, where two echoes cannot tell 45 % from 55 % of fat."]
