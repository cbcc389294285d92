"""Dual-echo signal fat fraction of the upper abdomen from an in-phase and an opposed-phase gradient echo."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Match, Parameter, PluginSpec, Resources
from dicomnode_plugins.fat_fraction.codes import DRAWN, MULTISPECTRAL_PROCESSING

_MAGNETIC_RESONANCE = Match(keyword="Modality", op="eq", value="MR")
_NOT_FAT_SATURATED = Match(
    keyword="ScanOptions", op="excludes", value=("FS", "FATSAT", "FAT_SAT", "FAT SAT", "SPIR", "SPAIR", "WE")
)

SPEC = PluginSpec(
    name="fat_fraction",
    version="0.4.0",
    title="Dual-echo signal fat fraction",
    intended_use=(
        "Research: maps the signal fat fraction, 0 to 50 %, of an in-phase and an opposed-phase gradient echo of the "
        "same breath-hold and reads it in a proposed or received liver outline. Not a proton density fat fraction, not "
        "for diagnosis."
    ),
    status="research",
    inputs=(
        InputRole(
            role="in_phase",
            match=(Match(keyword="Role", op="eq", value="in-phase"), _MAGNETIC_RESONANCE, _NOT_FAT_SATURATED),
        ),
        InputRole(
            role="opposed_phase",
            match=(Match(keyword="Role", op="eq", value="opposed-phase"), _MAGNETIC_RESONANCE, _NOT_FAT_SATURATED),
            same_grid_as="in_phase",
        ),
        InputRole(
            role="precontrast",
            match=(Match(keyword="Role", op="eq", value="precontrast-fat-sat-t1"), _MAGNETIC_RESONANCE),
            required=False,
            same_frame_as="in_phase",
        ),
        InputRole(
            role="hepatobiliary",
            match=(Match(keyword="Role", op="eq", value="hepatobiliary-phase"), _MAGNETIC_RESONANCE),
            required=False,
            same_frame_as="in_phase",
        ),
        InputRole(
            role="drawn",
            match=(Match(keyword="SegmentTypes", op="contains", value=tuple(f"{c.value}^{c.scheme}" for c in DRAWN)),),
            required=False,
            segments_of="in_phase",
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
    entry="dicomnode_plugins.fat_fraction.run:run",
    family=MULTISPECTRAL_PROCESSING,
    parameters=(
        Parameter(
            name="noise_gate",
            default=5.0,
            description="in-phase signal below this many noise standard deviations has no fat fraction",
            minimum=3.0,
            maximum=20.0,
        ),
        Parameter(
            name="display_limit",
            default=40.0,
            unit="%",
            description="fat fraction at the upper end of the colour bar and of the display window",
            minimum=10.0,
            maximum=50.0,
        ),
        Parameter(
            name="t1_correction",
            default=False,
            description="report the liver's fat fraction also without T1 weighting, from T1 of the literature",
        ),
    ),
    resources=Resources(cpus=1, memory_mib=1024, timeout_s=60.0, lane="express"),
    preload=("scipy.fft", "scipy.ndimage", "SimpleITK", "dicomnode_plugins.fat_fraction.run"),
)
