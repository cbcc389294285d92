"""Signal fat fraction of water and fat images that the scanner has separated (Dixon)."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Match, Parameter, PluginSpec, Resources
from dicomnode_plugins.fat_fraction.codes import MULTISPECTRAL_PROCESSING

_MAGNETIC_RESONANCE = Match(keyword="Modality", op="eq", value="MR")

SPEC = PluginSpec(
    name="fat_fraction_dixon",
    version="0.1.0",
    title="Dixon signal fat fraction",
    intended_use=(
        "Research: maps fat over water and fat, 0 to 100 %, of a pair of images that the scanner has separated, and "
        "reads it in a proposed liver outline. Not a proton density fat fraction, not for diagnosis."
    ),
    status="research",
    inputs=(
        InputRole(role="water", match=(Match(keyword="Role", op="eq", value="water"), _MAGNETIC_RESONANCE)),
        InputRole(
            role="fat",
            match=(Match(keyword="Role", op="eq", value="fat"), _MAGNETIC_RESONANCE),
            same_grid_as="water",
        ),
    ),
    produces=(
        "ParametricMap",
        "DerivedImage",
        "Segmentation",
        "SecondaryCapture",
        "Measurement",
        "QualitativeEvaluation",
    ),
    entry="dicomnode_plugins.fat_fraction.dixon.run:run",
    family=MULTISPECTRAL_PROCESSING,
    parameters=(
        Parameter(
            name="noise_gate",
            default=5.0,
            description="water and fat together below this many noise standard deviations have no fat fraction",
            minimum=3.0,
            maximum=20.0,
        ),
        Parameter(
            name="display_limit",
            default=40.0,
            unit="%",
            description="fat fraction at the upper end of the colour bar and of the display window",
            minimum=10.0,
            maximum=100.0,
        ),
    ),
    resources=Resources(cpus=1, memory_mib=1024, timeout_s=60.0, lane="express"),
    preload=("scipy.ndimage", "SimpleITK"),
)
