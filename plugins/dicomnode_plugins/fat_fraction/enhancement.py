"""What the hepatobiliary phase says of a low-fat area: sparing takes up the agent as liver does, or more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dicomnode.sdk import Volume
from dicomnode_plugins.fat_fraction import protocol
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray
from dicomnode_plugins.fat_fraction.sparing import Candidate

IN_PHASE_WINDOW = (0.72, 1.20)
"""In-phase signal of a focus over that of parenchyma; vessels are darker."""
LEAST_HEPATOBILIARY = 1.05
"""Focus over parenchyma in the hepatobiliary phase: all 13 foci of the study were brighter."""
LEAST_PRECONTRAST = 1.0
"""Focus over parenchyma before the agent, fat-suppressed: as bright or brighter."""
LEAST_ENHANCEMENT = 0.70
"""Enhancement ratio of focus over parenchyma; weak, because the two overlap in the study."""
_SAME_PROTOCOL = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """Signals of focus and parenchyma; the last four NaN without both volumes."""

    in_phase: float
    """Focus over parenchyma."""
    precontrast: float = math.nan
    """Focus over parenchyma."""
    hepatobiliary: float = math.nan
    """Focus over parenchyma."""
    focus: float = math.nan
    """Relative enhancement ratio."""
    parenchyma: float = math.nan
    """Relative enhancement ratio."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What speaks against sparing, in words, of what is known."""
        low, high = IN_PHASE_WINDOW
        held = (
            (low <= self.in_phase <= high, "its in-phase signal is that of a vessel or a lesion"),
            (self.hepatobiliary >= LEAST_HEPATOBILIARY, "it is not brighter than liver in the hepatobiliary phase"),
            (self.precontrast >= LEAST_PRECONTRAST, "it is darker than liver before the contrast agent"),
            (self.focus >= LEAST_ENHANCEMENT * self.parenchyma, "it takes up less contrast agent than liver"),
        )
        known = 1 if math.isnan(self.hepatobiliary) else len(held)
        return tuple(doubt for holds, doubt in held[:known] if not holds)


def relative_enhancement(before: float, after: float) -> float:
    """Relative enhancement ratio, (HBP - pre) / pre."""
    return (after - before) / before


def mean_of_ratios(before: Sequence[float], after: Sequence[float]) -> float:
    """Mean relative enhancement ratio of several foci, as the study prints it: not the ratio of the means."""
    return float(np.mean([relative_enhancement(b, a) for b, a in zip(before, after, strict=True)]))


def unlike(precontrast: Volume, hepatobiliary: Volume) -> str:
    """Why the two do not compare; empty when they do."""
    for keyword in ("RepetitionTime", "EchoTime", "FlipAngle"):
        one, other = (protocol.number(volume, keyword) for volume in (precontrast, hepatobiliary))
        if not math.isclose(one, other, rel_tol=_SAME_PROTOCOL):
            return f"{keyword} is {one:g} before the contrast agent and {other:g} in the hepatobiliary phase"
    return ""


def measure(
    candidate: Candidate, in_phase: FloatArray, enhanced: tuple[FloatArray, FloatArray] | None = None
) -> Contrast:
    """Signals of a candidate.

    Parameters
    ----------
    in_phase : (z, y, x) float32
        Axial.
    enhanced : (precontrast, hepatobiliary), optional
        On the same grid.
    """
    focus, parenchyma = candidate.focus, candidate.parenchyma
    phase = focus.mean(in_phase) / max(parenchyma.mean(in_phase), 1e-6)
    if enhanced is None:
        return Contrast(in_phase=phase)
    before, after = ([disc.mean(image) for disc in (focus, parenchyma)] for image in enhanced)
    if not all(value > 0 for value in (*before, *after)):
        return Contrast(in_phase=phase)
    return Contrast(
        in_phase=phase,
        precontrast=before[0] / before[1],
        hepatobiliary=after[0] / after[1],
        focus=relative_enhancement(before[0], after[0]),
        parenchyma=relative_enhancement(before[1], after[1]),
    )
