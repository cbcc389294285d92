"""From two echoes to findings."""

from __future__ import annotations

from dicomnode.sdk import (
    Case,
    Context,
    Finding,
    ParametricMap,
    QualitativeEvaluation,
    SecondaryCapture,
)
from dicomnode.sdk.codes import FAT_FRACTION, PERCENT
from dicomnode_plugins.fat_fraction import checks, codes, dual_echo, foci, organs, outlines, picture, protocol, readings
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Noise
from dicomnode_plugins.fat_fraction.organs import Organs

IN_PHASE, OPPOSED_PHASE = "in_phase", "opposed_phase"
METHOD = "Dual-echo signal fat fraction, 50 (IP - OP) / IP; not a proton density fat fraction"


def run(case: Case, context: Context) -> list[Finding]:
    """Map the dual-echo signal fat fraction and read it in the liver.

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
    context.progress(0.2, "comparing the echoes")
    checks.check_content(in_phase.array, opposed.array, body, measurable, noise.sigma, in_phase.spacing)
    context.progress(0.4, "liver")
    percent = dual_echo.signal_fat_fraction(in_phase.array, opposed.array, measurable)
    found = organs.search(in_phase, opposed, body)
    context.progress(0.8, "readings")
    return [
        *_pictures(case, percent, body, found),
        *_readings(case, percent, body, found),
        *_method(case, noise),
    ]


def _readings(case: Case, percent: FloatArray, body: Mask, found: Organs) -> list[Finding]:
    in_phase = case.volume(IN_PHASE)
    if found.quality.failed:
        return [
            outlines.segmentation(IN_PHASE, body, found),
            *readings.of_body(percent, body, in_phase.voxel_volume, found.quality.failed),
        ]
    return [
        *foci.search(case, percent, found),
        outlines.segmentation(IN_PHASE, body, found),
        *readings.of_liver(
            percent, found, in_phase, case.volume(OPPOSED_PHASE), t1_correction=bool(case.parameters["t1_correction"])
        ),
    ]


def _method(case: Case, noise: Noise) -> list[Finding]:
    cautions = protocol.cautions(case.volume(IN_PHASE), case.volume(OPPOSED_PHASE))
    return [
        QualitativeEvaluation(name=codes.METHOD, value=METHOD),
        QualitativeEvaluation(name=codes.NOISE_SOURCE, value=f"{noise.source}; sigma {noise.sigma:.3g}"),
        *(QualitativeEvaluation(name=codes.CAUTION, value=caution) for caution in cautions),
    ]


def _pictures(case: Case, percent: FloatArray, body: Mask, found: Organs) -> list[Finding]:
    limit = float(case.parameters["display_limit"])
    return [
        ParametricMap(
            on=IN_PHASE,
            derived_from=(IN_PHASE, OPPOSED_PHASE),
            array=percent,
            quantity=FAT_FRACTION,
            unit=PERCENT,
            label="FAT FRACTION",
            title="Dual-echo signal fat fraction",
            value_range=(0.0, 50.0),
            window=(limit / 2, limit),
        ),
        SecondaryCapture(
            on=IN_PHASE,
            derived_from=(IN_PHASE, OPPOSED_PHASE),
            frames=picture.overlay(case.volume(IN_PHASE).array, percent, body, limit, outlines.borders(found)),
            title="Dual-echo signal fat fraction in colour",
        ),
    ]
