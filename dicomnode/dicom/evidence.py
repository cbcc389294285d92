"""Weigh the evidence for and against what a stack is."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.domain.stack import RoleDecision


def decided(role: str, *reasons: str, against: Sequence[str] = ()) -> RoleDecision:
    """A role with its evidence; no role where ``role`` is empty, the first reason then says why.

    Every piece of evidence weighs one, the deciding first one two; the score is the share that speaks for the role.
    """
    weight = len(reasons) + 1
    return RoleDecision(
        role=role,
        reasons=tuple(reasons),
        against=tuple(against),
        score=round(weight / (weight + len(against)), 2) if role else 0.0,
    )
