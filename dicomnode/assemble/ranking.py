"""Rank the stacks that could fill one input role, and say in words why one stands before another."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dicomnode.domain.stack import Stack

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Demerit:
    """What counts, most important first; the smallest is the best, equal ones are a true tie."""

    doubt: float
    """1 minus the score of the role, to two digits."""
    derived: bool
    missing: int
    """Slices, negative: more are better."""
    age: int
    """Time of acquisition, negative: a repeat is taken because what came before it was not good enough."""


def demerit(stack: Stack) -> Demerit:
    """How a stack stands among those that fill the same role."""
    image_type = stack.facts.get("ImageType")
    return Demerit(
        doubt=round(1.0 - stack.role.score, 2),
        derived=isinstance(image_type, list) and bool(image_type) and str(image_type[0]).upper() == "DERIVED",
        missing=-(stack.geometry.shape[0] if stack.geometry and not stack.is_segmentation else 0),
        age=-_acquired(stack),
    )


def why_before(better: Stack, worse: Stack) -> str:
    """The first thing that sets one stack before another; empty when nothing does."""
    one, other = demerit(better), demerit(worse)
    if one.doubt < other.doubt:
        return f"its role is less certain (score {1 - other.doubt:.2f}, not {1 - one.doubt:.2f})"
    if one.doubt > other.doubt:
        return ""
    if one.derived != other.derived:
        return "" if one.derived else "it is derived, not original"
    if one.missing != other.missing:
        return "" if one.missing > other.missing else f"it has {-other.missing} slices, not {-one.missing}"
    return f"it was {'made' if worse.is_segmentation else 'acquired'} earlier" if one.age < other.age else ""


def _acquired(stack: Stack) -> int:
    """Microseconds of the calendar, as digits; 0 where the header names no time: such a stack is no repeat."""
    facts = stack.facts
    if stack.is_segmentation:
        facts = {"AcquisitionDate": facts.get("ContentDate", ""), "AcquisitionTime": facts.get("ContentTime", "")}
    whole = str(facts.get("AcquisitionDateTime") or "").split("+")[0].split("-")[0]
    if not whole:
        date = facts.get("AcquisitionDate") or facts.get("SeriesDate") or facts.get("StudyDate") or ""
        whole = f"{date}{facts.get('AcquisitionTime') or facts.get('ContentTime') or facts.get('SeriesTime') or ''}"
    seconds, _, fraction = whole.partition(".")
    digits = "".join(_DIGITS.findall(seconds))[:14].ljust(14, "0")
    return int(digits + "".join(_DIGITS.findall(fraction))[:6].ljust(6, "0"))
