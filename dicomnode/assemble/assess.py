"""Judge one exam revision: stacks, tasks, and a verdict with its reason for every series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dicomnode.assemble import priors, site_roles
from dicomnode.assemble.conditions import failures
from dicomnode.assemble.identity import contradiction, different_patients, different_studies
from dicomnode.assemble.matching import Earlier, Wanted, match
from dicomnode.assemble.refusal import label
from dicomnode.assemble.relations import violation
from dicomnode.dicom.geometry import may_still_arrive
from dicomnode.dicom.physics import words
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.exam import Assessment, NoMatch, Outcome, PlannedTask, SeriesVerdict
from dicomnode.domain.identity import Digest, SeriesInstanceUID, SOPInstanceUID
from dicomnode.domain.instance import Instance, InstanceHeader
from dicomnode.domain.stack import RoleDecision, Stack
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.spec import PluginSpec, labelled, role_of
from dicomnode.settings import RoleSettings

OWN_MANUFACTURER = "dicomnode"
"""Manufacturer (0008,0070) of every result this node writes."""

_MAKERS = ("Manufacturer", "ManufacturerModelName", "ContributingEquipmentSequence")
"""An archive that puts its own name for one seldom does for all."""

_Judged = tuple[Outcome, str]
_TELLING = (Outcome.PENDING, Outcome.HELD, Outcome.NOT_APPLICABLE, Outcome.REFUSED)


def assess(
    instances: Sequence[Instance],
    specs: Sequence[Wanted],
    rules: Sequence[RoleSettings] = (),
    earlier: Sequence[Instance] = (),
    searching: str = "",
    facts: Mapping[str, FactValue] | None = None,
) -> Assessment:
    """Everything there is to decide about the instances of one study.

    Parameters
    ----------
    instances : sequence of Instance
        All that the index holds of the study, in any order.
    specs : sequence of (PluginSpec, parameters)
        The enabled plugins with this site's parameters.
    rules, facts
        This site's own rules for what a volume is; what is known of the patient.
    earlier : sequence of Instance
        Of the patient's earlier studies, for roles from a prior.
    searching : str
        Why plugins that compare have to wait for priors: those that could run otherwise are held.

    Returns
    -------
    Assessment
        ``verdicts`` has exactly one entry for every series, ``refusals`` one for every plugin that will not run.
    """
    own = [instance for instance in instances if _is_own(instance)]
    received = {i.header.sop_instance_uid: i for i in instances if not _is_own(i)}
    priors_here = {i.header.sop_instance_uid: i for i in earlier if not _is_own(i)}
    everything = received | priors_here
    found = _of_the_same(_volumes(received, rules), received)
    digests = {uid: instance.stored.digest for uid, instance in everything.items()}
    waiting = _could_compare(found, specs, digests) if searching else ()
    before = None
    if received and any(priors.compares(spec) for spec, _ in specs):
        exam = priors.current([instance.header for instance in received.values()])
        before = Earlier(exam=exam, stacks=_volumes(priors_here, rules))
    ready = [(spec, parameters) for spec, parameters in specs if spec.name not in waiting]
    planned, refusals = match(found, ready, digests, before, facts)
    tasks, strangers = _of_one_patient(planned, everything, {spec.name: spec for spec, _ in specs})
    held = tuple(NoMatch(plugin=name, reason=searching, held=True) for name in waiting)
    refusals = (*refusals, *strangers, *held)
    verdicts = {
        SeriesInstanceUID(instance.header.series_instance_uid): (Outcome.NOT_APPLICABLE, "a result of a dicomnode")
        for instance in own
    }
    verdicts |= _verdicts(found, specs, tasks, refusals)
    return Assessment(
        stacks=found,
        tasks=tasks,
        refusals=refusals,
        verdicts=tuple(
            SeriesVerdict(series_instance_uid=series, outcome=outcome, reason=reason)
            for series, (outcome, reason) in sorted(verdicts.items())
        ),
        waiting_for_priors=waiting,
    )


def _volumes(instances: Mapping[SOPInstanceUID, Instance], rules: Sequence[RoleSettings]) -> tuple[Stack, ...]:
    return site_roles.apply(stacks([instance.header for instance in instances.values()]), rules)


def _of_the_same(found: tuple[Stack, ...], instances: Mapping[SOPInstanceUID, Instance]) -> tuple[Stack, ...]:
    """The stacks, segmentations of somebody else refused: images that disagree are refused with their task."""
    images = [instances[stack.instances[0]].header for stack in found if not stack.is_segmentation]
    return tuple(_believed(stack, instances, images) if stack.is_segmentation else stack for stack in found)


def _believed(drawn: Stack, instances: Mapping[SOPInstanceUID, Instance], images: Sequence[InstanceHeader]) -> Stack:
    header = instances[drawn.instances[0]].header
    said = next(filter(None, (contradiction(header, image) for image in images)), "")
    return replace(drawn, geometry=None, refusal=said, role=RoleDecision(role="", reasons=(said,))) if said else drawn


def _could_compare(
    found: Sequence[Stack], specs: Sequence[Wanted], digests: Mapping[SOPInstanceUID, Digest]
) -> tuple[str, ...]:
    """The plugins that compare and have everything but the priors."""
    reduced = [(priors.without_priors(spec), parameters) for spec, parameters in specs if priors.compares(spec)]
    return tuple(dict.fromkeys(task.plugin for task in match(found, reduced, digests)[0]))


def _is_own(instance: Instance) -> bool:
    """Made by a node like this one; what this very node has made is not among the instances at all."""
    makers = {maker for keyword in _MAKERS for maker in words(instance.header.facts, keyword)}
    return OWN_MANUFACTURER.upper() in makers


def _of_one_patient(
    planned: Sequence[PlannedTask], instances: Mapping[SOPInstanceUID, Instance], specs: Mapping[str, PluginSpec]
) -> tuple[tuple[PlannedTask, ...], tuple[NoMatch, ...]]:
    tasks: list[PlannedTask] = []
    refusals: list[NoMatch] = []
    for task in planned:
        current = {role.role for role in specs[task.plugin].inputs if role.from_prior is None}
        headers = {chosen.role: [instances[uid].header for uid in chosen.stack.instances] for chosen in task.inputs}
        own = [header for role, members in headers.items() if role_of(role) in current for header in members]
        drawn = {chosen.role for chosen in task.inputs if chosen.stack.is_segmentation}
        everyone = [header for role, members in headers.items() if role not in drawn for header in members]
        if reason := different_studies(own) or different_patients(everyone):
            refusals.append(NoMatch(plugin=task.plugin, reason=reason))
        else:
            tasks.append(task)
    return tuple(tasks), tuple(refusals)


def _verdicts(
    found: Sequence[Stack], specs: Sequence[Wanted], tasks: Sequence[PlannedTask], refusals: Sequence[NoMatch]
) -> dict[SeriesInstanceUID, _Judged]:
    by_series: defaultdict[SeriesInstanceUID, list[_Judged]] = defaultdict(list)
    for stack in found:
        judged = (
            _used(stack, tasks)
            or _unasked(stack, specs)
            or _unusable(stack)
            or _unwanted(stack, specs, tasks, refusals)
        )
        by_series[stack.series_instance_uid].append(judged)
    return {series: _most_telling(judged) for series, judged in by_series.items()}


def _most_telling(judged: Sequence[_Judged]) -> _Judged:
    """One verdict for the volumes of one series: every use of them, else the one of most promise."""
    outcome, reason = min(judged, key=lambda one: _TELLING.index(one[0]))
    uses = [reason for used, reason in judged if used is Outcome.PENDING]
    return outcome, "; ".join(uses) if uses else reason


def _used(stack: Stack, tasks: Sequence[PlannedTask]) -> _Judged | None:
    uses = [
        f"task {task.plugin} {task.version}, as {chosen.role}"
        for task in tasks
        for chosen in task.inputs
        if chosen.stack.stack_id == stack.stack_id
    ]
    return (Outcome.PENDING, "; ".join(uses)) if uses else None


def _unasked(stack: Stack, specs: Sequence[Wanted]) -> _Judged | None:
    if not stack.is_segmentation or any(labelled(spec) for spec, _ in specs):
        return None
    return Outcome.NOT_APPLICABLE, "a segmentation, and no plugin here asks for one"


def _unusable(stack: Stack) -> _Judged | None:
    if not stack.refusal:
        return None
    if may_still_arrive(stack.refusal):
        return Outcome.HELD, stack.refusal
    if stack.refusal.startswith("not an image"):
        return Outcome.NOT_APPLICABLE, stack.refusal
    return Outcome.REFUSED, stack.refusal


def _unwanted(
    stack: Stack, specs: Sequence[Wanted], tasks: Sequence[PlannedTask], refusals: Sequence[NoMatch]
) -> _Judged:
    """Why a sound stack is input of nothing: the most telling of what every plugin says."""
    if not specs:
        return Outcome.NOT_APPLICABLE, "no plugin is enabled"
    refused = {refusal.plugin: refusal for refusal in refusals}
    lines: list[tuple[int, _Judged]] = []
    for spec, _ in specs:
        misses = [failures(stack, role) for role in spec.inputs]
        refusal = refused.get(spec.name)
        if all(misses):
            lines.append((2, (Outcome.NOT_APPLICABLE, f"{spec.name}: {min(misses, key=len)[0]}")))
        elif refusal is not None:
            outcome = Outcome.HELD if refusal.held else Outcome.NOT_APPLICABLE
            lines.append((0 if refusal.held else 1, (outcome, f"{spec.name}: {refusal.reason}")))
        else:
            own = [task for task in tasks if task.plugin == spec.name]
            lines.append((1, (Outcome.NOT_APPLICABLE, f"{spec.name}: {_passed_over(stack, spec, own)}")))
    return min(lines, key=lambda line: line[0])[1]


def _passed_over(stack: Stack, spec: PluginSpec, tasks: Sequence[PlannedTask]) -> str:
    """Why a stack that fits a role is input of none of a plugin's tasks: what it does not go with, else the better."""
    for role in spec.inputs:
        for task in () if failures(stack, role) else tasks:
            others = {chosen.role: (chosen.stack,) for chosen in task.inputs if role_of(chosen.role) != role.role}
            if broken := violation(spec.inputs, {**others, role.role: (stack,)}):
                return broken.reason
            if tied := [note for note in task.notes if note.startswith(f"{role.role}: ambiguous")]:
                return tied[0]
    taken = [label(chosen.stack) for task in tasks for chosen in task.inputs]
    return f"{' and '.join(dict.fromkeys(taken))} taken instead"
