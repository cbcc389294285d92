"""All that a plugin imports.

The only package of dicomnode with a promise of stability: it changes by Semantic Versioning, and
``SDK_VERSION`` rises when older plugins would break.
"""

from dicomnode.errors import Unsuitable
from dicomnode.sdk.case import Case, Context
from dicomnode.sdk.codes import Code
from dicomnode.sdk.findings import (
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    Recommendation,
    SecondaryCapture,
    Segment,
    Segmentation,
)
from dicomnode.sdk.spec import SDK_VERSION, InputRole, Match, Parameter, PluginSpec, Resources
from dicomnode.sdk.volume import Volume

__all__ = [
    "SDK_VERSION",
    "Case",
    "Code",
    "Context",
    "Finding",
    "InputRole",
    "Match",
    "Measurement",
    "Parameter",
    "ParametricMap",
    "PluginSpec",
    "QualitativeEvaluation",
    "Recommendation",
    "Resources",
    "SecondaryCapture",
    "Segment",
    "Segmentation",
    "Unsuitable",
    "Volume",
]
