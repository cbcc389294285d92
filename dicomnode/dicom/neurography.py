"""Neurography and T1-weighted series after a contrast agent, by their timing."""

from __future__ import annotations

from dicomnode.dicom.physics import contrast_agent, number, phase_label, words
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import RoleDecision

_NEUROGRAPHY = {"RepetitionTime": (1500.0, 10000.0), "EchoTime": (150.0, 350.0), "InversionTime": (150.0, 280.0)}
"""ms, at 1.5 and 3 T; the study's Siemens and Philips protocols read 3000/287/220 and 2000/230/260."""
_SPIN_ECHO_T1 = {"RepetitionTime": (300.0, 900.0), "EchoTime": (1.0, 25.0)}
_GRADIENT_ECHO_T1 = {"RepetitionTime": (2.0, 20.0), "EchoTime": (0.5, 6.0)}


def decide_neurography(facts: Facts) -> RoleDecision | None:
    """``ce-mrn``, ``ce-t1``, or None where the timing is of neither or no contrast agent was given to T1 weighting.

    Notes ----- A T1-weighted gradient echo with a contrast agent may be in phase by its echo time; unless it is
    labelled so, what matters is the agent. Heavily T2-weighted inversion recovery without an agent is neurography
    too, but not what fusion was studied on: it is given no role, and the reason says so.
    """
    sequence = words(facts, "ScanningSequence")
    agent = contrast_agent(facts)
    if "EP" in sequence:
        return None
    if "SE" in sequence and _within(facts, _NEUROGRAPHY):
        evidence = f"inversion recovery, {_timing(facts, *_NEUROGRAPHY)}"
        if not agent:
            return RoleDecision(role="", reasons=("unknown: neurography without a contrast agent", evidence))
        return RoleDecision(role="ce-mrn", reasons=(evidence, f"contrast agent given: {agent}"))
    if not agent or "IR" in sequence or phase_label(facts):
        return None
    if "SE" in sequence and _within(facts, _SPIN_ECHO_T1):
        return _enhanced("spin echo", facts, agent)
    if "GR" in sequence and words(facts, "MRAcquisitionType") == ("3D",) and _within(facts, _GRADIENT_ECHO_T1):
        return _enhanced("3D gradient echo", facts, agent)
    return None


def _enhanced(name: str, facts: Facts, agent: str) -> RoleDecision:
    evidence = f"T1-weighted {name}, {_timing(facts, 'RepetitionTime', 'EchoTime')}"
    return RoleDecision(role="ce-t1", reasons=(evidence, f"contrast agent given: {agent}"))


def _within(facts: Facts, windows: dict[str, tuple[float, float]]) -> bool:
    values = ((number(facts, keyword), low, high) for keyword, (low, high) in windows.items())
    return all(value is not None and low <= value <= high for value, low, high in values)


def _timing(facts: Facts, *keywords: str) -> str:
    short = {"RepetitionTime": "TR", "EchoTime": "TE", "InversionTime": "TI"}
    return ", ".join(f"{short[keyword]} {number(facts, keyword):.4g} ms" for keyword in keywords)
