"""Recurrence triage (DARNDEST): 3D DenseNets on T1, T2 and T1+C in three tiers, after treatment of the nasopharynx."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Match, ModelSlot, Parameter, PluginSpec, Resources
from dicomnode.sdk.codes import ARTIFICIAL_INTELLIGENCE
from dicomnode_plugins._learning.procedures import learning
from dicomnode_plugins.recurrence_triage.codes import OUTLINED

SLOT = "triage"
OUTLINE = "outline"
"""Slot of the model that proposes a gross tumour volume."""
NETWORK = "t1_t2"
"""Its one network, which sees both."""
DRAWN = "gtv"
"""Role of an expert's outline of the tumour, which only labelled exams have."""

SPEC = PluginSpec(
    name="recurrence_triage",
    version="0.1.0",
    title="Triage of recurrent nasopharyngeal carcinoma",
    intended_use=(
        "Research: sorts a follow-up MR of the nasopharynx after radiotherapy into positive, suspicious and negative "
        "by T1 and T2, and by contrast-enhanced T1 where that decides. As good as the model in its slot, and no "
        "better. Not for diagnosis."
    ),
    status="research",
    inputs=(
        InputRole(role="t1", match=(Match(keyword="Role", op="eq", value="t1"),)),
        InputRole(role="t2", match=(Match(keyword="Role", op="eq", value="t2"),), required=False),
        InputRole(role="t1c", match=(Match(keyword="Role", op="eq", value="ce-t1"),), required=False),
    ),
    produces=(
        "ParametricMap",
        "SecondaryCapture",
        "Segmentation",
        "Measurement",
        "QualitativeEvaluation",
        "Recommendation",
        "Decision",
    ),
    entry="dicomnode_plugins.recurrence_triage.run:run",
    family=ARTIFICIAL_INTELLIGENCE,
    parameters=(
        Parameter(
            name="report_abstention",
            default=False,
            description="write a report that says why nothing is said; else the exam ends as not applicable, with it",
        ),
        Parameter(
            name="attention_level",
            default=0.5,
            description="attention at or above this is outlined",
            minimum=0.1,
            maximum=0.95,
        ),
    ),
    resources=Resources(cpus=2, memory_mib=4096, timeout_s=180.0, lane="normal"),
    models=(
        ModelSlot(
            name=SLOT,
            description="networks for T1, T2 and T1+C with the three cut-offs of DARNDEST",
            files=("t1", "t2", "t1c"),
            cutoffs=("first", "second", "second_reader"),
            demonstration="demonstration/card.toml",
        ),
        ModelSlot(
            name=OUTLINE,
            description="a network for T1 and T2 together that proposes a gross tumour volume",
            files=(NETWORK,),
            cutoffs=("level",),
            demonstration="demonstration/outline.toml",
            optional=True,
        ),
    ),
    learning=learning(
        "dicomnode_plugins.recurrence_triage.learning",
        inputs=(
            InputRole(
                role=DRAWN,
                match=(
                    Match(
                        keyword="SegmentTypes",
                        op="contains",
                        value=tuple(f"{code.value}^{code.scheme}" for code in OUTLINED),
                    ),
                ),
                required=False,
                segments_of="t1",
            ),
        ),
    ),
    preload=("torch", "scipy.ndimage", "scipy.optimize", "safetensors.torch"),
)
