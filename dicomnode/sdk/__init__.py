"""All that a plugin imports.

The only package of dicomnode with a promise of stability: it changes by Semantic Versioning, and
``SDK_VERSION`` rises when older plugins would break.
"""

from dicomnode.errors import Unsuitable
from dicomnode.sdk.case import Case, Context
from dicomnode.sdk.codes import Code
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.findings import (
    GRAY,
    HOT_IRON,
    Decision,
    DerivedImage,
    Finding,
    Layer,
    Measurement,
    ParametricMap,
    Presentation,
    QualitativeEvaluation,
    Recommendation,
    Registration,
    SecondaryCapture,
    Segment,
    Segmentation,
)
from dicomnode.sdk.labels import LabelledSegment, Labels
from dicomnode.sdk.model import Domain, Model, ModelSlot, Weights
from dicomnode.sdk.spec import (
    SDK_VERSION,
    InputRole,
    Learning,
    Match,
    Parameter,
    PluginSpec,
    Prior,
    Procedure,
    Resources,
)
from dicomnode.sdk.volume import Volume

__all__ = [
    "GRAY",
    "HOT_IRON",
    "SDK_VERSION",
    "Case",
    "Code",
    "Context",
    "Decision",
    "DerivedImage",
    "Domain",
    "FactValue",
    "Finding",
    "InputRole",
    "LabelledSegment",
    "Labels",
    "Layer",
    "Learning",
    "Match",
    "Measurement",
    "Model",
    "ModelSlot",
    "Parameter",
    "ParametricMap",
    "PluginSpec",
    "Presentation",
    "Prior",
    "Procedure",
    "QualitativeEvaluation",
    "Recommendation",
    "Registration",
    "Resources",
    "SecondaryCapture",
    "Segment",
    "Segmentation",
    "Unsuitable",
    "Volume",
    "Weights",
]
