"""How the inputs of one plugin must relate: one frame of reference, one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf

from dicomnode.assemble.conditions import side_of
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import InputRole

SAME_GRID = 0.1
"""Millimetres by which corners of one grid may differ."""

Combination = Mapping[str, tuple[Stack, ...]]
"""Stacks by input role: one, or several in a role of many; an optional role may be absent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A relation that does not hold, and by how much: for finding the nearest miss."""

    distance: float
    reason: str
    may_still_mend: bool = False
    """Slices that are still to come would mend it."""


def violation(roles: Sequence[InputRole], chosen: Combination) -> Violation | None:
    """The first relation that the stacks chosen so far break; None when they break none."""
    for role in roles:
        for other_role, grid in ((role.same_frame_as, False), (role.same_grid_as, True)):
            for stack, other in product(chosen.get(role.role, ()), chosen.get(other_role, ())):
                broken = _frame(role.role, stack, other_role, other)
                if broken is None and grid:
                    broken = _grid(role.role, stack, other_role, other)
                if broken is not None:
                    return broken
        for stack, other in product(chosen.get(role.role, ()), chosen.get(role.segments_of, ())):
            if broken := _frame(role.role, stack, role.segments_of, other) or _made_on(role, stack, roles, chosen):
                return broken
    return _sides(chosen)


def _sides(chosen: Combination) -> Violation | None:
    """Left and right are never put together: a knee is not compared with the other one."""
    sides = {side: role for role, stacks in chosen.items() for stack in stacks if (side := side_of(stack.facts))}
    if {"L", "R"} <= set(sides):
        return Violation(distance=inf, reason=f"{sides['L']} is of the left side, {sides['R']} of the right")
    return None


def _frame(role: str, stack: Stack, other_role: str, other: Stack) -> Violation | None:
    if stack.frame_of_reference_uid and stack.frame_of_reference_uid == other.frame_of_reference_uid:
        return None
    return Violation(distance=inf, reason=f"{role} and {other_role} have no common frame of reference")


def _made_on(role: InputRole, segmentation: Stack, roles: Sequence[InputRole], chosen: Combination) -> Violation | None:
    """A segmentation labels the images it was made on, or others on their very grid; a likely place is not enough."""
    bound = [role.segments_of, *(one.role for one in roles if one.same_grid_as == role.segments_of)]
    series = {stack.series_instance_uid for name in bound for stack in chosen.get(name, ())}
    if not series.isdisjoint(segmentation.made_on):
        return None
    where = segmentation.facts.get("MadeOn", "another series")
    return Violation(distance=inf, reason=f"{role.role} was made on {where}, not on {' or '.join(bound)}")


def _grid(role: str, stack: Stack, other_role: str, other: Stack) -> Violation | None:
    mine, theirs = stack.geometry, other.geometry
    if mine is None or theirs is None:
        return Violation(distance=inf, reason=f"{role} or {other_role} has no geometry")
    if mine.shape != theirs.shape:
        reason = f"{role} has {_shape(mine.shape)}, {other_role} has {_shape(theirs.shape)}"
        return Violation(distance=1e9, reason=reason, may_still_mend=mine.shape[1:] == theirs.shape[1:])
    off = mine.farthest_corner(theirs)
    if off <= SAME_GRID:
        return None
    return Violation(distance=off, reason=f"{role} lies {off:.3g} mm off the grid of {other_role}")


def _shape(shape: tuple[int, int, int]) -> str:
    slices, rows, columns = shape
    return f"{slices} slices of {rows} x {columns}"
