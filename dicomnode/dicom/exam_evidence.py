"""Decide what only the other stacks of an exam can tell: partners of a dual echo, siblings of a diffusion image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dicomnode.dicom.contrast import is_before_injection
from dicomnode.dicom.evidence import decided
from dicomnode.dicom.physics import contrast_agent, number, phase_label, words
from dicomnode.dicom.weighting import decide_weighting
from dicomnode.domain.stack import RoleDecision, Stack

_PHASES = {"in-phase": "opposed-phase", "opposed-phase": "in-phase"}
_DUAL = 2
_ENHANCED = ("ce-t1", "ce-mrn", "hepatobiliary-phase")
_START = "ContrastBolusStartTime"
_SAME_PROTOCOL = {"RepetitionTime": 0.02, "FlipAngle": 0.02}
"""Fractions by which two echoes of one acquisition may differ."""


def reconsider(stacks: Sequence[Stack]) -> tuple[Stack, ...]:
    """The stacks of a study, with roles that hold in each other's light."""
    return tuple(replace(stack, role=_role(stack, stacks)) for stack in stacks)


def _role(stack: Stack, stacks: Sequence[Stack]) -> RoleDecision:
    kin = [other for other in stacks if other.stack_id != stack.stack_id and _one_protocol(stack, other)]
    role = stack.role
    if role.role in _ENHANCED and (copied := _copied_agent(stack, stacks)):
        return decided("", f"ambiguous: {copied}", *role.reasons)
    if role.role in (*_PHASES, "t1", "") and "GR" in words(stack.facts, "ScanningSequence"):
        echoes = {number(other.facts, "EchoTime") for other in (stack, *kin) if _one_series(stack, other)}
        if len(echoes) > _DUAL:
            return decided("multi-echo", f"one of {len(echoes)} echoes of one gradient echo series", *role.reasons)
    if role.role in _PHASES:
        return _dual_echo(stack, kin)
    if number(stack.facts, "DiffusionBValue") == 0 and role.role in ("", "t2"):
        weighted = sorted({b for other in kin if (b := number(other.facts, "DiffusionBValue"))})
        if weighted:
            values = ", ".join(f"{b:g}" for b in weighted)
            return decided("dwi", f"b = 0 image of a diffusion acquisition with b = {values} s/mm2", *role.reasons[1:])
    return role


def _copied_agent(stack: Stack, stacks: Sequence[Stack]) -> str:
    """What speaks against an agent in a header that states no injection, where other series state it."""
    agent = contrast_agent(stack.facts)
    same_day = [other for other in stacks if _day(other) == _day(stack)]
    starts = [start for other in same_day if (start := other.facts.get(_START))]
    if not agent or _START in stack.facts or not starts:
        return ""
    before_all = all(is_before_injection({**stack.facts, _START: start}) for start in starts)
    return f"contrast agent {agent}, but acquired before the injection that other series state" if before_all else ""


def _day(stack: Stack) -> object:
    return stack.facts.get("AcquisitionDate", stack.facts.get("StudyDate"))


def _dual_echo(stack: Stack, kin: Sequence[Stack]) -> RoleDecision:
    """A gradient echo is an in- or opposed-phase image only beside its counterpart, or where it is called one."""
    role = stack.role
    counterpart = _PHASES[role.role]
    if any(other.role.role == counterpart for other in kin):
        return decided(role.role, *role.reasons, f"the exam holds its {counterpart} echo", against=role.against)
    missing = f"the exam holds no {counterpart} echo of this acquisition"
    if phase_label(stack.facts):
        return decided(role.role, *role.reasons, against=[*role.against, missing])
    otherwise = decide_weighting(stack.facts)
    if otherwise.role:
        return replace(otherwise, reasons=(*otherwise.reasons, f"{role.reasons[0]}, but {missing}"))
    return decided("", f"unknown: {role.reasons[0]}, but {missing}", *otherwise.reasons)


def _one_series(one: Stack, other: Stack) -> bool:
    return one.series_instance_uid == other.series_instance_uid


def _one_protocol(one: Stack, other: Stack) -> bool:
    """Same repetition time and flip angle: echoes, b-values or phases of one acquisition."""
    for keyword, share in _SAME_PROTOCOL.items():
        mine, theirs = number(one.facts, keyword), number(other.facts, keyword)
        if mine is None or theirs is None:
            if mine is not theirs:
                return False
        elif abs(mine - theirs) > share * max(abs(mine), abs(theirs)):
            return False
    return True
