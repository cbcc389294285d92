"""Give stacks the roles that a site's own rules say, and keep what the node would have said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dicomnode.assemble.conditions import meets
from dicomnode.domain.stack import RoleDecision, Stack
from dicomnode.sdk.spec import Match
from dicomnode.settings import RoleSettings


def apply(stacks: Sequence[Stack], rules: Sequence[RoleSettings]) -> tuple[Stack, ...]:
    """The stacks with the role of the first rule that each of them meets; a stack that is no image is left alone."""
    return tuple(_ruled(stack, rules) for stack in stacks)


def _ruled(stack: Stack, rules: Sequence[RoleSettings]) -> Stack:
    if stack.refusal and stack.refusal == stack.role.reasons[0]:
        return stack
    for number, rule in enumerate(rules, 1):
        conditions = [Match(keyword=match.keyword, op=match.op, value=match.value) for match in rule.match]
        if all(meets(stack, condition) for condition in conditions):
            said = " and ".join(f"{match.keyword} {match.op} {_words(match.value)}".strip() for match in rule.match)
            own = stack.role.role or "no role"
            return replace(
                stack,
                role=RoleDecision(
                    role=rule.role,
                    reasons=(f"rule {number} of this site: {said}",),
                    against=() if own == rule.role else (f"without the rule: {own}: {stack.role.reasons[0]}",),
                    score=1.0,
                ),
            )
    return stack


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
