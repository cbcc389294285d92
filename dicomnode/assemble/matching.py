"""Match stacks with the input roles of plugins: tasks, or for each plugin one line that says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dicomnode.assemble.conditions import failures
from dicomnode.assemble.priors import Current, fitting
from dicomnode.assemble.ranking import Demerit, demerit, why_before
from dicomnode.assemble.refusal import label, refuse
from dicomnode.assemble.relations import Combination, Violation, violation
from dicomnode.domain.exam import Chosen, NoMatch, PlannedTask
from dicomnode.domain.identity import Digest, SOPInstanceUID, digest_of
from dicomnode.domain.stack import Stack
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.spec import InputRole, ParameterValue, PluginSpec, member_name

Wanted = tuple[PluginSpec, Mapping[str, ParameterValue]]
"""A plugin and the parameters this site gives it, over its defaults."""

_MOST_COMBINATIONS = 4096
_Merits = list[tuple[str, list[Demerit]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What roles from a prior may be filled with."""

    exam: Current
    stacks: Sequence[Stack]
    """Of the patient's earlier studies."""


def match(
    stacks: Sequence[Stack],
    specs: Sequence[Wanted],
    digests: Mapping[SOPInstanceUID, Digest],
    earlier: Earlier | None = None,
    facts: Mapping[str, FactValue] | None = None,
) -> tuple[tuple[PlannedTask, ...], tuple[NoMatch, ...]]:
    """What will run, and for every plugin that will not, why.

    Parameters
    ----------
    stacks : sequence of Stack
        Of one study.
    specs : sequence of (PluginSpec, parameters)
        The enabled plugins.
    digests : mapping of SOP Instance UID to digest
        Content digest of every instance, earlier ones included.
    earlier : Earlier, optional
        For roles from a prior.
    facts : Mapping, optional
        What is known of the patient; each plugin gets what it asks for.

    Returns
    -------
    tasks, refusals
        Each plugin has a task (a plugin of level "series" one for each stack that fills its first role) or a refusal.
        Of several possible combinations the one from fewest series is taken, then the one of the best stacks (see
        `dicomnode.assemble.ranking`); the others are named in the task's notes with their rank and why. A true tie in
        a required role is ambiguous and held; in an optional role it leaves the role empty.
    """
    tasks: list[PlannedTask] = []
    refusals: list[NoMatch] = []
    for spec, given in specs:
        candidates = {role.role: _candidates(role, stacks, earlier) for role in spec.inputs}
        found, nearest = _combinations(spec, candidates)
        if not found:
            refusals.append(refuse(spec, stacks, candidates, nearest))
            continue
        parameters, ties = spec.resolve(given), []
        asked = {name: value for name, value in (facts or {}).items() if name in spec.facts}
        for alike in _by_first_stack(spec, found) if spec.level == "series" else [found]:
            combination, tie, notes = _chosen(spec, alike)
            if tie:
                ties.append(tie)
            else:
                tasks.append(_planned(spec, parameters, asked, combination, notes, candidates, digests))
        if ties:
            refusals.append(NoMatch(plugin=spec.name, reason="; ".join(ties), held=True))
    return tuple(tasks), tuple(refusals)


def _candidates(role: InputRole, stacks: Sequence[Stack], earlier: Earlier | None) -> list[Stack]:
    if role.from_prior is None:
        return [stack for stack in stacks if not failures(stack, role)]
    if earlier is None:
        return []
    return fitting([stack for stack in earlier.stacks if not failures(stack, role)], role.from_prior, earlier.exam)


def _combinations(
    spec: PluginSpec, candidates: Mapping[str, Sequence[Stack]]
) -> tuple[list[Combination], Violation | None]:
    """Combinations that keep all relations, best first; where there is none, the nearest miss."""
    partial: list[Combination] = [{}]
    missed: list[Violation] = []
    for role in spec.inputs:
        extended: list[Combination] = [] if role.required else list(partial)
        for combination in partial:
            wider, broken = _widened(spec, role, combination, candidates[role.role])
            extended += wider
            missed += broken
        partial = sorted(extended, key=_order)[:_MOST_COMBINATIONS]
    found = [combination for combination in partial if combination]
    return found, min(missed, key=lambda miss: (miss.distance, miss.reason), default=None)


def _widened(
    spec: PluginSpec, role: InputRole, combination: Combination, stacks: Sequence[Stack]
) -> tuple[list[Combination], list[Violation]]:
    """A combination with each stack that goes with it in one more role; with all of them at once in a role of many."""
    taken = {stack.stack_id for chosen in combination.values() for stack in chosen}
    going: list[Stack] = []
    missed: list[Violation] = []
    for stack in stacks:
        if stack.stack_id in taken:
            missed.append(Violation(distance=1e12, reason=f"{label(stack)} alone would have to fill two roles"))
        elif broken := violation(spec.inputs, {**combination, role.role: (stack,)}):
            missed.append(broken)
        else:
            going.append(stack)
    if role.many:
        return ([{**combination, role.role: tuple(going)}] if going else []), missed
    return [{**combination, role.role: (stack,)} for stack in going], missed


def _rank(combination: Combination) -> tuple[int, int, _Merits, int, _Merits]:
    """More roles filled, fewer series, better stacks role by role; segmentations last: they choose no images."""
    drawn = {role for role, stacks in combination.items() if any(stack.is_segmentation for stack in stacks)}
    images = [stack for role, stacks in combination.items() if role not in drawn for stack in stacks]
    merits = [(role, [demerit(stack) for stack in stacks]) for role, stacks in combination.items()]
    return (
        len(drawn) - len(combination),
        len({stack.series_instance_uid for stack in images}),
        [merit for merit in merits if merit[0] not in drawn],
        -len(drawn),
        [merit for merit in merits if merit[0] in drawn],
    )


def _order(combination: Combination) -> tuple[object, list[str]]:
    """By rank; a tie by something that never changes, so that no result depends on the order of arrival."""
    return _rank(combination), [stack.stack_id for stacks in combination.values() for stack in stacks]


def _by_first_stack(spec: PluginSpec, found: Sequence[Combination]) -> list[list[Combination]]:
    """For a plugin that works series by series: the combinations of each stack in its first role."""
    by_stack: dict[str, list[Combination]] = {}
    for combination in found:
        for stack in combination.get(spec.inputs[0].role, ()):
            by_stack.setdefault(stack.stack_id, []).append(combination)
    return list(by_stack.values())


def _chosen(spec: PluginSpec, found: Sequence[Combination]) -> tuple[Combination, str, tuple[str, ...]]:
    """The best combination; in words, the tie in a required role that forbids it, or ties that leave roles empty."""
    best = found[0]
    tied = [combination for combination in found[1:] if _rank(combination) == _rank(best)]
    notes: list[str] = []
    for role in spec.inputs:
        others = [other[role.role][0] for other in tied if other.get(role.role, ()) != best.get(role.role, ())]
        if not others or role.role not in best:
            continue
        labels = " and ".join(sorted({label(stack) for stack in (best[role.role][0], *others)}))
        tie = f"{role.role}: ambiguous: {labels} fill it equally well"
        if role.required:
            return best, tie, ()
        notes.append(f"{tie}; left empty")
        best = {name: stacks for name, stacks in best.items() if name != role.role}
    return best, "", tuple(notes)


def _planned(
    spec: PluginSpec,
    parameters: dict[str, ParameterValue],
    facts: dict[str, FactValue],
    combination: Combination,
    notes: tuple[str, ...],
    candidates: Mapping[str, Sequence[Stack]],
    digests: Mapping[SOPInstanceUID, Digest],
) -> PlannedTask:
    several = {role.role for role in spec.inputs if role.many}
    inputs = tuple(
        Chosen(
            role=member_name(role, number) if role in several else role,
            stack=stack,
            input_digest=_input_digest(stack, digests),
        )
        for role, stacks in combination.items()
        for number, stack in enumerate(stacks, 1)
    )
    return PlannedTask(
        task_id=task_id(spec, parameters, {chosen.role: chosen.input_digest for chosen in inputs}, facts),
        plugin=spec.name,
        version=spec.version,
        parameters=parameters,
        inputs=inputs,
        facts=facts,
        notes=(*notes, *_passed_over(combination, candidates), *_unfit(spec, combination, candidates)),
    )


def _input_digest(stack: Stack, digests: Mapping[SOPInstanceUID, Digest]) -> Digest:
    """Two volumes of one multi-frame instance differ in their frames only."""
    return digest_of([*(digests[uid] for uid in stack.instances), *map(str, stack.frames)])


def _passed_over(combination: Combination, candidates: Mapping[str, Sequence[Stack]]) -> Iterator[str]:
    """A line for each stack that would fill a role too: its rank there, and why another was taken."""
    taken = {stack.stack_id for stacks in combination.values() for stack in stacks}
    for role, stacks in combination.items():
        ranked = sorted(candidates[role], key=lambda stack: (demerit(stack), stack.stack_id))
        for rank, stack in enumerate(ranked, 1):
            if stack.stack_id not in taken:
                reason = why_before(stacks[0], stack) or "it goes less well with the other inputs"
                yield f"{role}: {label(stacks[0])} taken; {label(stack)} is {rank} of {len(ranked)}: {reason}"


def _unfit(spec: PluginSpec, combination: Combination, candidates: Mapping[str, Sequence[Stack]]) -> Iterator[str]:
    """A line for each stack that no empty role could take beside the other inputs."""
    for role in spec.inputs:
        for stack in candidates[role.role] if role.role not in combination else ():
            if broken := violation(spec.inputs, {**combination, role.role: (stack,)}):
                yield f"{role.role}: {label(stack)} not taken: {broken.reason}"


def task_id(
    spec: PluginSpec,
    parameters: Mapping[str, ParameterValue],
    inputs: Mapping[str, Digest],
    facts: Mapping[str, FactValue] | None = None,
) -> Digest:
    """The idempotency key: the same inputs, facts, plugin, version and parameters give the same one, in any order."""
    pairs = [part for role in sorted(inputs) for part in (role, inputs[role])]
    known = ["facts", json.dumps(dict(facts), sort_keys=True)] if facts else []
    return digest_of(["task", spec.name, spec.version, json.dumps(dict(parameters), sort_keys=True), *known, *pairs])
