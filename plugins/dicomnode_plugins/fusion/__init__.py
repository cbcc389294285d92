"""Fusion of contrast-enhanced MR neurography with contrast-enhanced T1-weighted images of the head and neck."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Match, Parameter, PluginSpec, Resources
from dicomnode_plugins.fusion.codes import MULTISPECTRAL_PROCESSING, MUSCLES, NERVES

SPEC = PluginSpec(
    name="fusion",
    version="0.3.0",
    title="Fusion of CE-MRN and CE-T1",
    intended_use=(
        "Research: registers contrast-enhanced MR neurography to a contrast-enhanced T1-weighted series of the same "
        "exam and shows both in one picture, or says why not; measures the signal of nerve over that of muscle in "
        "regions that a reader has drawn. Not for diagnosis."
    ),
    status="research",
    inputs=(
        InputRole(role="ce_t1", match=(Match(keyword="Role", op="eq", value="ce-t1"),)),
        InputRole(role="ce_mrn", match=(Match(keyword="Role", op="eq", value="ce-mrn"),)),
        InputRole(
            role="drawn",
            match=(
                Match(
                    keyword="SegmentTypes",
                    op="contains",
                    value=tuple(f"{code.value}^{code.scheme}" for code in (*NERVES, *MUSCLES)),
                ),
            ),
            required=False,
            segments_of="ce_mrn",
        ),
    ),
    produces=(
        "Segmentation",
        "SecondaryCapture",
        "DerivedImage",
        "Registration",
        "Presentation",
        "Measurement",
        "QualitativeEvaluation",
    ),
    entry="dicomnode_plugins.fusion.run:run",
    family=MULTISPECTRAL_PROCESSING,
    parameters=(
        Parameter(
            name="affine",
            default=False,
            description="also try a motion that stretches, kept where it fits clearly better than a rigid one",
        ),
        Parameter(
            name="deformable",
            default=False,
            description="also follow a neck that was bent between the two series, where that fits clearly better",
        ),
        Parameter(
            name="reader_template",
            default=False,
            description="add the study's signs and scales to the report, open for the reader",
        ),
    ),
    resources=Resources(cpus=1, memory_mib=2048, timeout_s=180.0, lane="normal"),
    preload=("scipy.ndimage", "scipy.optimize"),
)
