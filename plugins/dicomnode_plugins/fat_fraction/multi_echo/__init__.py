"""Proton density fat fraction and R2* of six or more complex gradient echoes."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Match, Parameter, PluginSpec, Resources
from dicomnode_plugins.fat_fraction.codes import MULTISPECTRAL_PROCESSING

_MAGNETIC_RESONANCE = Match(keyword="Modality", op="eq", value="MR")
_ECHO_TIME = Match(keyword="EchoTime", op="present")

SPEC = PluginSpec(
    name="fat_fraction_multi_echo",
    version="0.1.0",
    title="Proton density fat fraction and R2*",
    intended_use=(
        "Research: separates water and fat of six or more complex echoes with several fat peaks, one R2*, a field map, "
        "and reads the proton density fat fraction in a proposed liver outline. Not for diagnosis. Magnitude images "
        "alone are not taken: they leave open which of two fat fractions is true."
    ),
    status="research",
    inputs=(
        InputRole(
            role="real",
            match=(Match(keyword="Role", op="eq", value="real"), _MAGNETIC_RESONANCE, _ECHO_TIME),
            many=True,
        ),
        InputRole(
            role="imaginary",
            match=(Match(keyword="Role", op="eq", value="imaginary"), _MAGNETIC_RESONANCE, _ECHO_TIME),
            many=True,
            same_grid_as="real",
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
    entry="dicomnode_plugins.fat_fraction.multi_echo.run:run",
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
    resources=Resources(cpus=2, memory_mib=4096, timeout_s=180.0, lane="normal"),
    preload=("scipy.ndimage", "SimpleITK", "torch"),
)
