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
from dicomnode_plugins.fat_fraction import (
    checks,
    codes,
    drawn,
    dual_echo,
    foci,
    gray,
    organs,
    outlines,
    picture,
    protocol,
    readings,
    summary,
)
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask, Noise
from dicomnode_plugins.fat_fraction.foci import Judged
from dicomnode_plugins.fat_fraction.organs import Organs

IN_PHASE, OPPOSED_PHASE = "in_phase", "opposed_phase"
TITLE = "Dual-echo signal fat fraction"
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
    context.progress(0.1, "map, body and noise")
    body = dual_echo.body_mask(in_phase)
    noise = dual_echo.noise(in_phase.array, body, in_phase.spacing)
    measurable = body & (in_phase.array > 0) & (in_phase.array >= float(case.parameters["noise_gate"]) * noise.sigma)
    percent = dual_echo.signal_fat_fraction(in_phase.array, opposed.array, measurable)
    context.progress(0.2, "comparing the echoes")
    checks.check_content(in_phase.array, opposed.array, body, measurable, noise.sigma, in_phase.spacing)
    context.progress(0.4, "liver")
    given = drawn.liver(case)
    found = organs.search(in_phase, opposed, body, given)
    context.progress(0.7, "low-fat areas")
    judged = None if found.quality.failed else foci.search(case, percent, found)
    context.progress(0.9, "readings")
    numbers = _numbers(case, percent, body, found, judged)
    said = [*numbers, *drawn.said(case, found), *drawn.regions(case, percent), *_method(case, noise)]
    return [*_pictures(case, percent, body, found, judged, said), *said]


def _numbers(case: Case, percent: FloatArray, body: Mask, found: Organs, judged: Judged | None) -> list[Finding]:
    in_phase, opposed = case.volume(IN_PHASE), case.volume(OPPOSED_PHASE)
    outline = outlines.segmentation(IN_PHASE, body, found)
    if judged is None:
        return [outline, *readings.of_body(percent, body, in_phase.voxel_volume, found.quality.failed)]
    corrected = bool(case.parameters["t1_correction"])
    return [
        outline,
        *readings.of_liver(percent, found, in_phase, opposed, t1_correction=corrected),
        *foci.findings(case, percent, judged),
    ]


def _method(case: Case, noise: Noise) -> list[Finding]:
    cautions = protocol.cautions(case.volume(IN_PHASE), case.volume(OPPOSED_PHASE))
    return [
        QualitativeEvaluation(name=codes.METHOD, value=METHOD),
        QualitativeEvaluation(name=codes.NOISE_SOURCE, value=f"{noise.source}; sigma {noise.sigma:.3g}"),
        *(QualitativeEvaluation(name=codes.CAUTION, value=caution) for caution in cautions),
    ]


def _pictures(
    case: Case, percent: FloatArray, body: Mask, found: Organs, judged: Judged | None, said: list[Finding]
) -> list[Finding]:
    """The map as values, in gray and in colour, and the page that sums up what is said."""
    limit, both = float(case.parameters["display_limit"]), (IN_PHASE, OPPOSED_PHASE)
    circles = foci.circles(case, judged) if judged else ()
    frames = picture.overlay(case.volume(IN_PHASE).array, percent, body, limit, (*outlines.borders(found), *circles))
    areas = circles[0][0] if circles else None
    shown = summary.slices(body if found.quality.failed else found.liver, areas)
    return [
        ParametricMap(
            on=IN_PHASE,
            derived_from=both,
            array=percent,
            quantity=FAT_FRACTION,
            unit=PERCENT,
            label="FAT FRACTION",
            title=TITLE,
            value_range=(0.0, 50.0),
            window=(limit / 2, limit),
        ),
        gray.image(IN_PHASE, both, percent, TITLE, limit),
        SecondaryCapture(on=IN_PHASE, derived_from=both, frames=frames, title=f"{TITLE} in colour"),
        summary.page(TITLE, both, frames, shown, said),
    ]
