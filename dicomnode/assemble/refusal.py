"""Say in one line why a plugin does not run: what is missing, and what came nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dicomnode.assemble.conditions import failures
from dicomnode.assemble.relations import Violation
from dicomnode.dicom.geometry import may_still_arrive
from dicomnode.domain.exam import NoMatch
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import InputRole, PluginSpec


def label(stack: Stack) -> str:
    """How messages call the series of a stack."""
    return f"series {stack.facts.get('SeriesNumber', 'without number')}"


def refuse(
    spec: PluginSpec,
    stacks: Sequence[Stack],
    candidates: Mapping[str, Sequence[Stack]],
    nearest: Violation | None,
) -> NoMatch:
    """Why a plugin does not run: a role that nothing fills and its nearest miss, or a relation that is broken.

    It is held, not refused, where other required roles are filled or only slices are missing: the rest may still come.
    """
    required = [role for role in spec.inputs if role.required]
    lacking = sorted(
        (role for role in required if not candidates[role.role]), key=lambda role: role.from_prior is not None
    )
    if not lacking:
        if nearest is None:
            return NoMatch(plugin=spec.name, reason="nothing fills any role")
        return NoMatch(plugin=spec.name, reason=nearest.reason, held=nearest.may_still_mend)
    if lacking[0].from_prior is not None:
        return NoMatch(plugin=spec.name, reason=f"no {lacking[0].role}: no earlier study here has one that fits")
    missing, why = lacking[0].role, "the study has no series"
    held = len(lacking) < len(required)
    if stacks:
        miss = nearest_miss(spec, lacking[0], stacks, candidates)
        in_the_way = failures(miss, lacking[0])
        held = held or (len(in_the_way) == 1 and may_still_arrive(miss.refusal))
        why = f"nearest is {label(miss)}: {in_the_way[0]}"
    there = [f"{role.role} is {label(candidates[role.role][0])}" for role in required if candidates[role.role]]
    found = f" ({', '.join(there)})" if there else ""
    return NoMatch(plugin=spec.name, reason=f"no {missing}{found}; {why}", held=held)


def nearest_miss(
    spec: PluginSpec, role: InputRole, stacks: Sequence[Stack], candidates: Mapping[str, Sequence[Stack]]
) -> Stack:
    """The stack that comes nearest to filling a role none fills.

    What only lacks slices is nearest, then what contradicts itself, then what shares a series with another input.
    """
    wanted = {match.value for one in spec.inputs for match in one.match if match.keyword == "Role"}
    series = {stack.series_instance_uid for fitting in candidates.values() for stack in fitting}

    def distance(stack: Stack) -> tuple[bool, bool, int, int, bool]:
        decided, reason = stack.role.role, stack.role.reasons[0]
        if decided:
            kinship = 2 if decided in wanted else 4
        else:
            kinship = 0 if reason.startswith("ambiguous") else 3 if reason.startswith("unknown") else 1
        if stack.refusal and stack.refusal == reason:
            kinship = 5
        stranger = stack.series_instance_uid not in series
        return kinship > 0, stranger, kinship, len(failures(stack, role)), stack.geometry is None

    perfect_but_for_slices = [stack for stack in stacks if len(failures(stack, role)) == 1 and stack.geometry is None]
    return min(perfect_but_for_slices or stacks, key=distance)
