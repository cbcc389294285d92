"""Mean, standard deviation and volume of the signal above a threshold."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Case, Code, Context, Finding, Measurement, Segment, Segmentation, Unsuitable, codes

SIGNAL = Code("110852", "DCM", "MR signal intensity")
BRIGHT = Segment(
    label="Signal above threshold",
    category=codes.ANATOMICAL_STRUCTURE,
    type=Code("38266002", "SCT", "Entire body"),
    colour=(120, 190, 240),
)
_FEWEST_VOXELS = 100


def run(case: Case, context: Context) -> list[Finding]:
    """Outline what is brighter than the threshold and measure it."""
    image = case.volume("image")
    threshold = float(case.parameters["threshold"]) / 100 * float(np.percentile(image.array, 99))
    bright = image.array > threshold
    if np.count_nonzero(bright) < _FEWEST_VOXELS:
        raise Unsuitable(f"fewer than {_FEWEST_VOXELS} voxels are brighter than the threshold")
    context.progress(0.5, "measuring")
    values = image.array[bright].astype(np.float64)
    return [
        Segmentation(on="image", labels=bright.astype(np.uint8), segments=(BRIGHT,)),
        _signal(float(values.mean()), codes.MEAN),
        _signal(float(values.std()), codes.STANDARD_DEVIATION),
        Measurement(
            name=codes.VOLUME,
            value=values.size * image.voxel_volume / 1000,
            unit=codes.CUBIC_CENTIMETER,
            of=BRIGHT.label,
            decimals=1,
        ),
    ]


def _signal(value: float, derivation: Code) -> Measurement:
    return Measurement(
        name=SIGNAL, value=value, unit=codes.NO_UNITS, of=BRIGHT.label, derivation=derivation, decimals=1
    )
