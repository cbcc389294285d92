"""The reader's template: the study's signs and its two scales, open until a person fills them."""

from __future__ import annotations

from dicomnode.sdk import Finding, QualitativeEvaluation
from dicomnode_plugins.fusion.codes import private

OPEN = "Open, for the reader"
_PRESENT = "present or absent"
SIGNAL = private("NERVE_SIGNAL", "Nerve signal")
_CONFIDENCE = (
    "0 relation of lesion and nerve cannot be determined, 1 low (uncertain), 2 moderate (probable), "
    "3 high (nerve clear, relation explicit)"
)
_CONSPICUITY = "0 contour not discernible, 1 less than half of it visible, 2 more than half, 3 complete"

ITEMS = (
    (private("NERVES", "Involved nerves"), "one or several, and which"),
    (private("LESION_PATTERN", "Lesion pattern"), "focal, multifocal or diffuse"),
    (private("ENHANCEMENT", "Enhancement of the lesion"), "none, homogeneous, heterogeneous or peripheral"),
    (private("TARGET_SIGN", "Target sign"), _PRESENT),
    (private("TAIL_SIGN", "Tail sign"), _PRESENT),
    (private("DUMBBELL_SIGN", "Dumbbell sign"), _PRESENT),
    (private("FAT_PLANE", "Effacement of the fat plane"), _PRESENT),
    (private("ENH_TARGET_SIGN", "Enhanced target sign"), _PRESENT),
    (private("NERVE_EFFACING", "Nerve effacing sign"), _PRESENT),
    (private("NERVE_COMPRESS", "Nerve compressing sign"), _PRESENT),
    (private("NERVE_TAIL_SIGN", "Nerve tail sign"), _PRESENT),
    (SIGNAL, "increased, unchanged or decreased"),
    (private("NERVE_CALIBRE", "Nerve calibre"), "hypertrophy, normal or atrophy"),
    (private("CONFIDENCE", "Diagnostic confidence, 0 to 3"), _CONFIDENCE),
    (private("CONSPICUITY", "Lesion conspicuity, 0 to 3"), _CONSPICUITY),
)
"""Concept and what may be answered (Liu et al., CE-MRN and CE-T1WI fusion, Methods and Tables 2 to 4)."""


def template(ratio: float | None = None) -> list[Finding]:
    """One open statement for each item; beside the nerve's signal stands what was measured of it.

    Parameters
    ----------
    ratio : float or None
        SI nerve / SI muscle, affected over other side.
    """
    measured = {} if ratio is None else {SIGNAL: f"; measured, affected over other side: {ratio:.3f}"}
    return [
        QualitativeEvaluation(name=name, value=f"{OPEN}: {answers}{measured.get(name, '')}") for name, answers in ITEMS
    ]
