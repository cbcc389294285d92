"""Relaxation and the two-point formula: what T1 weighting adds, and what fat-free tissue says of T2* and scale."""

from __future__ import annotations

import math

from dicomnode.sdk import Unsuitable

SCALE = (0.85, 1.20)
"""In-phase over opposed signal of the spleen, which holds no fat; the rest is decay between the echoes."""
T2_STAR_ALARM = -3.0
"""Percent; a spleen that reads less is said to show T2* decay."""
T1 = {1.5: (586.0, 288.0), 3.0: (809.0, 382.0)}
"""Of liver water and of fat, ms, by field strength, T (de Bazelaire et al., Radiology 2004)."""
_FIELD_TOLERANCE = 0.2  # T


def fat_weight(repetition_time: float, flip_angle: float, tesla: float) -> float:
    """How much more signal fat gives than liver water of the same density in a spoiled gradient echo.

    Parameters
    ----------
    repetition_time : float
        ms.
    flip_angle : float
        Degrees.
    tesla : float
        Field strength; T1 is known at 1.5 and 3 T.

    Raises
    ------
    ValueError
        For another field strength, or a repetition time or flip angle that is no positive number.
    """
    if repetition_time <= 0 or flip_angle <= 0:
        raise ValueError("repetition time or flip angle is missing")
    for field, (water, fat) in T1.items():
        if abs(tesla - field) <= _FIELD_TOLERANCE:
            return _steady(fat, repetition_time, flip_angle) / _steady(water, repetition_time, flip_angle)
    raise ValueError(f"T1 of liver and fat is known at 1.5 and 3 T, not at {tesla:.3g} T")


def without_t1(percent: float, weight: float) -> float:
    """The fat fraction, percent, that T1 weighting turned into ``percent``; see :func:`fat_weight`."""
    return 100 * percent / (percent + weight * (100 - percent))


def check_scale(in_phase: float, opposed: float) -> None:
    """Refuse echoes whose signal in the spleen differs by more than decay explains.

    Raises
    ------
    Unsuitable
        With the ratio.
    """
    ratio = in_phase / opposed if opposed > 0 else math.inf
    if not SCALE[0] <= ratio <= SCALE[1]:
        raise Unsuitable(
            f"the echoes are scaled differently, or iron shortens T2*: the spleen is {ratio:.2f} times as bright in "
            f"phase as opposed, allowed is {SCALE[0]:.2f} to {SCALE[1]:.2f}"
        )


def _steady(t1: float, repetition_time: float, flip_angle: float) -> float:
    decay = math.exp(-repetition_time / t1)
    angle = math.radians(flip_angle)
    return math.sin(angle) * (1 - decay) / (1 - decay * math.cos(angle))
