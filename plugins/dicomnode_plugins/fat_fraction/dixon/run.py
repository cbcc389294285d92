"""From a water and a fat image to findings."""

from __future__ import annotations

import math

from dicomnode.sdk import Case, Context, Finding, QualitativeEvaluation, Unsuitable
from dicomnode_plugins.fat_fraction import codes, protocol, water_fat

METHOD = (
    "Dixon signal fat fraction, 100 F / (W + F), of water and fat as the scanner separated them: the exam holds both. "
    "Not a proton density fat fraction."
)
CAUTION = (
    "How the scanner corrected T2* decay and the side peaks of fat is unknown; T1 weighting is not corrected. Noise "
    "lifts values near 0 % and 100 %, because both images are magnitudes."
)
_SAME_PROTOCOL = 0.01


def run(case: Case, context: Context) -> list[Finding]:
    """Map the signal fat fraction of separated images and read it in the liver.

    Raises
    ------
    Unsuitable
        When the images are no pair, were taken with a contrast agent, or have changed places.
    """
    water, fat = case.volume("water"), case.volume("fat")
    protocol.check_grid(water, fat)
    for keyword in ("RepetitionTime", "FlipAngle"):
        one, other = protocol.number(water, keyword), protocol.number(fat, keyword)
        if not math.isclose(one, other, rel_tol=_SAME_PROTOCOL):
            raise Unsuitable(f"{keyword} differs between the images: {one:g} of water, {other:g} of fat")
    if "yes" in {volume.acquisition.get("ContrastBolusAgent") for volume in (water, fat)}:
        raise Unsuitable("the images were acquired after a contrast agent, which changes their T1 weighting")
    if min(water.array.min(), fat.array.min()) < 0:
        raise Unsuitable("water or fat has negative values: they are no magnitude images")
    context.progress(0.2, "body, liver and spleen")
    gate, limit = float(case.parameters["noise_gate"]), float(case.parameters["display_limit"])
    seen = water_fat.look("water", ("water", "fat"), water, fat.array, None, gate)
    context.progress(0.8, "readings")
    said = [
        QualitativeEvaluation(name=codes.METHOD, value=METHOD),
        QualitativeEvaluation(name=codes.CAUTION, value=CAUTION),
    ]
    return water_fat.findings(seen, "Dixon signal fat fraction", "FAT FRACTION", limit, said)
