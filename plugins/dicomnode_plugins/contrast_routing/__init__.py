"""Contrast-free routing: whether gadolinium may be omitted, answered while the patient is still on the table."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Match, ModelSlot, Parameter, PluginSpec, Resources
from dicomnode.sdk.codes import ARTIFICIAL_INTELLIGENCE
from dicomnode_plugins._learning.procedures import learning

SLOT = "unenhanced"
_MR = Match(keyword="Modality", op="eq", value="MR")

SPEC = PluginSpec(
    name="contrast_routing",
    version="0.1.0",
    title="Advice on contrast for MR of the nasopharynx",
    intended_use=(
        "Research: from unenhanced T1 and T2 of a treated nasopharynx, and what is known of the patient, advises "
        "whether contrast may be omitted, is recommended, or the protocol stays as ordered. A person decides. "
        "Not for diagnosis."
    ),
    status="demonstration",
    inputs=(
        InputRole(role="t1", match=(_MR, Match(keyword="Role", op="eq", value="t1"))),
        InputRole(role="t2", match=(_MR, Match(keyword="Role", op="eq", value="t2"))),
    ),
    produces=("Recommendation", "Measurement", "QualitativeEvaluation", "Decision"),
    entry="dicomnode_plugins.contrast_routing.run:run",
    family=ARTIFICIAL_INTELLIGENCE,
    parameters=(
        Parameter(
            name="agent_group",
            default="unknown",
            description="group of the site's contrast agent (ACR Manual on Contrast Media): I, II, III or unknown",
        ),
        Parameter(
            name="assume_follow_up",
            default=False,
            description="take every exam for follow-up of treated nasopharyngeal carcinoma unless the site says no",
        ),
        Parameter(
            name="assume_no_demand",
            default=False,
            description="take no order for demanding contrast unless the site says so",
        ),
    ),
    resources=Resources(cpus=1, memory_mib=2048, timeout_s=60.0, lane="express"),
    facts=(
        "contrast-reaction",
        "egfr",
        "acute-kidney-injury",
        "dialysis",
        "pregnancy",
        "contrast-demanded",
        "npc-follow-up",
    ),
    advises=True,
    models=(
        ModelSlot(
            name=SLOT,
            description="one network for T1 and one for T2, or one that sees both; their mean score has two cut-offs",
            files=("t1", "t2"),
            instead=("t1_t2",),
            cutoffs=("first", "second"),
            demonstration="models/phantom/card.toml",
        ),
    ),
    warm="dicomnode_plugins.contrast_routing.scoring:warm",
    learning=learning(
        "dicomnode_plugins.contrast_routing.learning",
        (
            Parameter(
                name="networks",
                default="t1_t2",
                description="one that sees both sequences (t1_t2), or one for each (t1,t2); t1_t2_t1c may teach them",
            ),
        ),
        inputs=(InputRole(role="t1c", match=(_MR, Match(keyword="Role", op="eq", value="ce-t1")), required=False),),
        teachers=("recurrence_triage", "contrast_routing"),
    ),
    preload=("torch", "scipy.ndimage", "safetensors.torch", "dicomnode_plugins.contrast_routing.run"),
)
