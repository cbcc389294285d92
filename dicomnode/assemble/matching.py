"""Match stacks with the input roles of plugins: tasks, or for each plugin one line that says why not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dicomnode.assemble.conditions import failures
from dicomnode.assemble.refusal import label, refuse
from dicomnode.assemble.relations import Combination, Violation, violation
from dicomnode.domain.exam import Chosen, NoMatch, PlannedTask
from dicomnode.domain.identity import Digest, SOPInstanceUID, digest_of
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import ParameterValue, PluginSpec

Wanted = tuple[PluginSpec, Mapping[str, ParameterValue]]
"""A plugin and the parameters this site gives it, over its defaults."""

_MOST_COMBINATIONS = 4096


def match(
    stacks: Sequence[Stack], specs: Sequence[Wanted], digests: Mapping[SOPInstanceUID, Digest]
) -> tuple[tuple[PlannedTask, ...], tuple[NoMatch, ...]]:
    """What will run, and for every plugin that will not, why.

    Parameters
    ----------
    stacks : sequence of Stack
        Of one study.
    specs : sequence of (PluginSpec, parameters)
        The enabled plugins.
    digests : mapping of SOP Instance UID to digest
        Content digest of every instance.

    Returns
    -------
    tasks, refusals
        Each plugin has a task (a plugin of level "series" one for each stack that fills its first role) or a refusal.
        Of several possible combinations the one from fewest series is taken, then the earliest acquired; the others
        are named in the task's notes.
    """
    tasks: list[PlannedTask] = []
    refusals: list[NoMatch] = []
    for spec, given in specs:
        candidates = {role.role: [stack for stack in stacks if not failures(stack, role)] for role in spec.inputs}
        found, nearest = _combinations(spec, candidates)
        if found:
            chosen = _best_of_each_series(spec, found) if spec.level == "series" else found[:1]
            tasks += [_planned(spec, spec.resolve(given), combination, candidates, digests) for combination in chosen]
        else:
            refusals.append(refuse(spec, stacks, candidates, nearest))
    return tuple(tasks), tuple(refusals)


def _combinations(
    spec: PluginSpec, candidates: Mapping[str, Sequence[Stack]]
) -> tuple[list[Combination], Violation | None]:
    """Combinations that keep all relations, best first; where there is none, the nearest miss."""
    partial: list[Combination] = [{}]
    missed: list[Violation] = []
    for role in spec.inputs:
        extended: list[Combination] = [] if role.required else list(partial)
        for combination in partial:
            for stack in candidates[role.role]:
                if any(stack.stack_id == other.stack_id for other in combination.values()):
                    missed.append(Violation(distance=1e12, reason=f"{label(stack)} alone would have to fill two roles"))
                    continue
                wider = {**combination, role.role: stack}
                broken = violation(spec.inputs, wider)
                if broken is None:
                    extended.append(wider)
                else:
                    missed.append(broken)
        partial = sorted(extended, key=_rank)[:_MOST_COMBINATIONS]
    found = [combination for combination in partial if combination]
    return found, min(missed, key=lambda miss: (miss.distance, miss.reason), default=None)


def _rank(combination: Combination) -> tuple[int, int, list[str], list[str]]:
    """More roles filled, fewer series, acquired earlier; then something that never changes."""
    stacks = list(combination.values())
    series = {stack.series_instance_uid for stack in stacks}
    return -len(stacks), len(series), [_acquired(stack) for stack in stacks], [stack.stack_id for stack in stacks]


def _acquired(stack: Stack) -> str:
    facts = stack.facts
    date = facts.get("AcquisitionDate") or facts.get("SeriesDate") or facts.get("StudyDate") or ""
    time = facts.get("AcquisitionTime") or facts.get("ContentTime") or facts.get("SeriesTime") or "~"
    return str(facts.get("AcquisitionDateTime") or f"{date}{time}")


def _best_of_each_series(spec: PluginSpec, found: Sequence[Combination]) -> list[Combination]:
    best: dict[str, Combination] = {}
    for combination in found:
        if (stack := combination.get(spec.inputs[0].role)) is not None:
            best.setdefault(stack.stack_id, combination)
    return list(best.values())


def _planned(
    spec: PluginSpec,
    parameters: dict[str, ParameterValue],
    combination: Combination,
    candidates: Mapping[str, Sequence[Stack]],
    digests: Mapping[SOPInstanceUID, Digest],
) -> PlannedTask:
    inputs = tuple(
        Chosen(role=role, stack=stack, input_digest=_input_digest(stack, digests))
        for role, stack in combination.items()
    )
    taken = {chosen.stack.stack_id for chosen in inputs}
    others = {
        role: sorted({label(stack) for stack in stacks if stack.stack_id not in taken})
        for role, stacks in candidates.items()
    }
    return PlannedTask(
        task_id=task_id(spec, parameters, {chosen.role: chosen.input_digest for chosen in inputs}),
        plugin=spec.name,
        version=spec.version,
        parameters=parameters,
        inputs=inputs,
        notes=tuple(f"{role}: {', '.join(labels)} would fit too" for role, labels in others.items() if labels),
    )


def _input_digest(stack: Stack, digests: Mapping[SOPInstanceUID, Digest]) -> Digest:
    """Two volumes of one multi-frame instance differ in their frames only."""
    return digest_of([*(digests[uid] for uid in stack.instances), *map(str, stack.frames)])


def task_id(spec: PluginSpec, parameters: Mapping[str, ParameterValue], inputs: Mapping[str, Digest]) -> Digest:
    """The idempotency key: the same inputs, plugin, version and parameters give the same one, in any order."""
    pairs = [part for role in sorted(inputs) for part in (role, inputs[role])]
    return digest_of(["task", spec.name, spec.version, json.dumps(dict(parameters), sort_keys=True), *pairs])
