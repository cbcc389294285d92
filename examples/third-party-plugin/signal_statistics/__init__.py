"""Signal statistics of one MR stack: what the node needs to know, and nothing heavy to import."""

from __future__ import annotations

from dicomnode.sdk import Code, InputRole, Match, Parameter, PluginSpec, Resources

HISTOGRAM_ANALYSIS = Code("123105", "DCM", "Histogram Analysis")

SPEC = PluginSpec(
    name="signal_statistics",
    version="1.0.0",
    title="Signal statistics",
    intended_use="Demonstration: mean and spread of the signal above a threshold. Not for diagnosis.",
    status="demonstration",
    level="series",
    inputs=(InputRole(role="image", match=(Match(keyword="Modality", op="eq", value="MR"),)),),
    produces=("Segmentation", "Measurement"),
    entry="signal_statistics.run:run",
    family=HISTOGRAM_ANALYSIS,
    parameters=(
        Parameter(
            name="threshold",
            default=20.0,
            unit="%",
            description="of the 99th percentile of the signal; voxels above it are measured",
            minimum=1.0,
            maximum=90.0,
        ),
    ),
    resources=Resources(memory_mib=1024, timeout_s=60.0),
    preload=("numpy",),
)
