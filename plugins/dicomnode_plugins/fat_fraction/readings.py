"""Numbers and sentences about the liver, or about the body where no liver was found."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Finding, Measurement, QualitativeEvaluation, Unsuitable, Volume
from dicomnode.sdk.codes import CUBIC_CENTIMETER, FAT_FRACTION, MEAN, MEDIAN, PERCENT, STANDARD_DEVIATION, VOLUME
from dicomnode_plugins.fat_fraction import codes, protocol, relaxation
from dicomnode_plugins.fat_fraction.axial import axial_view
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask
from dicomnode_plugins.fat_fraction.organs import Organs

BODY, REST = "Body in the field of view", "Body outside liver and spleen"
LIVER, RIM, SPLEEN = "Liver, measured part", "Liver, rim and vessels", "Spleen"
PROPOSAL = (
    "The liver outline is a proposal that a person must confirm. Fat fractions are read without its 5 mm rim and "
    "without vessels. It is least sure at the tip of the left lobe, at the hilum and at the border with the heart."
)
ROI_MODE = "ROI mode: no liver outline, because the proposal failed a quality gate"
BY_HAND = "The statistics are of the whole body in the field of view; place a region of interest by hand."
_FOLD_OVER = 40.0  # percent
_WORTH_SAYING = 0.001  # part of the voxels


def of_body(percent: FloatArray, body: Mask, voxel_volume: float, failed: tuple[str, ...]) -> list[Finding]:
    """Region-of-interest mode: no liver, and why not."""
    why = (
        f"{ROI_MODE}: {'; '.join(failed)}. {BY_HAND} "
        "Tissue with more than 50 % fat, such as subcutaneous fat, reads folded: 90 % reads 10 %."
    )
    return [
        *described(percent, body, voxel_volume, BODY),
        QualitativeEvaluation(name=codes.CAUTION, value=why, of=BODY),
        *_fold_over(percent, body, BODY),
    ]


def of_liver(
    percent: FloatArray, organs: Organs, in_phase: Volume, opposed: Volume, *, t1_correction: bool
) -> list[Finding]:
    """Fat fraction of the liver, and what the spleen says of it.

    Raises
    ------
    Unsuitable
        When the spleen shows that the echoes are scaled differently.
    """
    level = _median(percent, organs.core)
    return [
        *described(percent, organs.core, in_phase.voxel_volume, LIVER),
        Measurement(
            name=codes.OUTLINE,
            value=np.count_nonzero(organs.liver) * in_phase.voxel_volume / 1000,
            unit=CUBIC_CENTIMETER,
            of=LIVER,
            decimals=0,
        ),
        *([] if organs.is_given else [QualitativeEvaluation(name=codes.CAUTION, value=PROPOSAL, of=LIVER)]),
        *_cut_off(organs.liver, in_phase),
        *_fold_over(percent, organs.core, LIVER),
        *_reference(percent, organs.spleen, in_phase, opposed),
        *(_without_t1(level, in_phase) if t1_correction else ()),
    ]


def described(percent: FloatArray, read: Mask, voxel_volume: float, of: str) -> list[Finding]:
    """Mean, median and spread of a fat fraction in a region; smallest and largest would only tell the noise.

    Raises
    ------
    Unsuitable
        When no voxel of the region has a value.
    """
    inside = percent[read].astype(np.float64)
    values = inside[~np.isnan(inside)]
    if not values.size:
        raise Unsuitable(f"too noisy: no voxel of the {of.lower()} has in-phase signal above the noise gate")
    derived = ((MEAN, np.mean(values)), (MEDIAN, np.median(values)), (STANDARD_DEVIATION, np.std(values)))
    volume, measurable = inside.size * voxel_volume / 1000, 100 * values.size / inside.size
    return [
        *(
            Measurement(name=FAT_FRACTION, value=float(value), unit=PERCENT, of=of, derivation=derivation)
            for derivation, value in derived
        ),
        Measurement(name=VOLUME, value=volume, unit=CUBIC_CENTIMETER, of=of, decimals=0),
        Measurement(name=codes.MEASURABLE, value=measurable, unit=PERCENT, of=of, decimals=1),
    ]


def area(value: float, of: str) -> Measurement:
    """Area of a region on one slice, cm2."""
    return Measurement(name=codes.AREA, value=value, unit=codes.SQUARE_CENTIMETER, of=of, decimals=3)


def _cut_off(liver: Mask, in_phase: Volume) -> list[Finding]:
    ends = np.moveaxis(liver, axial_view(in_phase.affine).axes[0], 0)[[0, -1]]
    if not ends.any():
        return []
    said = "The images end inside the liver: its volume is that of the part which was imaged."
    return [QualitativeEvaluation(name=codes.CAUTION, value=said, of=LIVER)]


def _reference(percent: FloatArray, spleen: Mask, in_phase: Volume, opposed: Volume) -> list[Finding]:
    if np.isnan(percent[spleen]).all():
        said = "No spleen was found: the scale of the echoes and T2* are unchecked in tissue without fat."
        return [QualitativeEvaluation(name=codes.CAUTION, value=said)]
    relaxation.check_scale(float(np.median(in_phase.array[spleen])), float(np.median(opposed.array[spleen])))
    reading = _median(percent, spleen)
    found: list[Finding] = [
        Measurement(name=FAT_FRACTION, value=reading, unit=PERCENT, of=SPLEEN, derivation=MEDIAN),
    ]
    if reading < relaxation.T2_STAR_ALARM:
        said = (
            f"T2* effect: the spleen, which holds no fat, reads {reading:.1f} %. The liver reads too low as well, "
            "by an amount that the spleen does not tell: its own decay is faster."
        )
        found.append(QualitativeEvaluation(name=codes.CAUTION, value=said, of=SPLEEN))
    return found


def _without_t1(level: float, in_phase: Volume) -> list[Finding]:
    known = (protocol.number(in_phase, name) for name in ("RepetitionTime", "FlipAngle", "MagneticFieldStrength"))
    try:
        weight = relaxation.fat_weight(*known)
    except ValueError as error:
        return [QualitativeEvaluation(name=codes.CAUTION, value=f"T1 was not corrected: {error}.", of=LIVER)]
    said = (
        f"The T1 correction takes fat as weighted {weight:.2f} times over liver water, from T1 of the literature; it "
        "leaves the T2* error, which T1 weighting may have hidden."
    )
    return [
        Measurement(
            name=codes.T1_CORRECTED,
            value=relaxation.without_t1(level, weight),
            unit=PERCENT,
            of=LIVER,
            derivation=MEDIAN,
        ),
        QualitativeEvaluation(name=codes.CAUTION, value=said, of=LIVER),
    ]


def _fold_over(percent: FloatArray, region: Mask, of: str) -> list[Finding]:
    """Say how much reads so high that fat and water may have changed places."""
    values = percent[region]
    part = float(np.mean(values[~np.isnan(values)] > _FOLD_OVER))
    if part < _WORTH_SAYING:
        return []
    above = f"{part:.1%} of the measured voxels read above {_FOLD_OVER:g} %"
    said = f"Fold-over possible: {above}, where two echoes cannot tell 45 % from 55 % of fat."
    return [QualitativeEvaluation(name=codes.CAUTION, value=said, of=of)]


def _median(percent: FloatArray, region: Mask) -> float:
    return float(np.nanmedian(percent[region].astype(np.float64)))
