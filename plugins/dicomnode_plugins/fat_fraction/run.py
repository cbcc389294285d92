"""From two echoes to findings."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import (
    Case,
    Context,
    Finding,
    ParametricMap,
    QualitativeEvaluation,
    SecondaryCapture,
    Segment,
    Segmentation,
)
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, FAT_FRACTION, PERCENT, Code
from dicomnode.sdk.codes import LIVER as LIVER_CODE
from dicomnode_plugins.fat_fraction import checks, codes, dual_echo, foci, organs, picture, protocol, readings
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Noise
from dicomnode_plugins.fat_fraction.organs import Organs
from dicomnode_plugins.fat_fraction.readings import BODY, LIVER, REST, RIM, SPLEEN

IN_PHASE, OPPOSED_PHASE = "in_phase", "opposed_phase"
METHOD = "Dual-echo signal fat fraction, 50 (IP - OP) / IP; not a proton density fat fraction"
_WHITE, _GREEN = (255, 255, 255), (90, 255, 90)


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
            _outlines((BODY, codes.BODY, (120, 170, 220), body)),
            *readings.of_body(percent, body, in_phase.voxel_volume, found.quality.failed),
        ]
    return [
        *foci.search(case, percent, found),
        _outlines(
            (LIVER, LIVER_CODE, (220, 130, 80), found.core),
            (RIM, LIVER_CODE, (240, 200, 150), found.liver & ~found.core),
            (REST, codes.BODY, (120, 170, 220), body & ~found.liver & ~found.spleen),
            *([(SPLEEN, codes.SPLEEN, (120, 200, 120), found.spleen)] if found.spleen.any() else []),
        ),
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
    outlined = () if found.quality.failed else ((found.liver, _WHITE), (found.spleen, _GREEN))
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
            frames=picture.overlay(case.volume(IN_PHASE).array, percent, body, limit, outlined),
            title="Dual-echo signal fat fraction in colour",
        ),
    ]


def _outlines(*parts: tuple[str, Code, tuple[int, int, int], Mask]) -> Finding:
    labels = np.zeros(parts[0][3].shape, np.uint8)
    for number, part in enumerate(parts, start=1):
        labels[part[3]] = number
    segments = tuple(
        Segment(label=label, category=ANATOMICAL_STRUCTURE, type=code, colour=colour)
        for label, code, colour, _ in parts
    )
    return Segmentation(on=IN_PHASE, labels=labels, segments=segments)
