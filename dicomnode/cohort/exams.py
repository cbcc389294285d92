"""Labelled exams as the node understands them: found, matched with a plugin's inputs, prepared for its networks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dicomnode.assemble import assess
from dicomnode.cohort.labels import Label
from dicomnode.cohort.sources import Known, Source
from dicomnode.domain.exam import Chosen
from dicomnode.domain.identity import Digest, StudyInstanceUID, digest_of
from dicomnode.domain.instance import Instance
from dicomnode.domain.task import Input
from dicomnode.execute.stage import stage
from dicomnode.execute.workers import Workers
from dicomnode.sdk.running import prepare_case
from dicomnode.sdk.spec import PluginSpec, labelled
from dicomnode.settings import RoleSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """A labelled exam in which the plugin's input roles are filled."""

    label: Label
    patient: Digest
    digest: Digest
    """Of the images: the same exam is known by it whatever was drawn on it since."""
    contents: Digest
    """Of the images and of the segmentations drawn on them."""
    inputs: tuple[Input, ...]
    files: Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A line of the table that yields no example, and why."""

    line: int
    reason: str


def find(labels: Sequence[Label], source: Source) -> tuple[list[tuple[Label, Known]], list[LeftOut]]:
    """The exam of each line, and the lines that have none or more than one."""
    by_study = {known.study: known for known in source.known()}
    by_patient: defaultdict[str, list[Known]] = defaultdict(list)
    for known in by_study.values():
        by_patient[known.patient_id].append(known)
    found: list[tuple[Label, Known]] = []
    left_out: list[LeftOut] = []
    for label in labels:
        if label.by == "study":
            one = by_study.get(StudyInstanceUID(label.value))
            candidates = [one] if one else []
        else:
            candidates = by_patient[label.value]
        if len(candidates) == 1:
            found.append((label, candidates[0]))
        else:
            what = f"{len(candidates)} exams of this patient; name the study" if candidates else f"no such {label.by}"
            left_out.append(LeftOut(line=label.line, reason=f"{what} among the exams given"))
    return found, left_out


def understand(
    label: Label, known: Known, source: Source, spec: PluginSpec, rules: Sequence[RoleSettings] = ()
) -> Exam | LeftOut:
    """What the node itself would run the plugin on in this exam, or why it would not; with what its training adds."""
    if not known.patient_id:
        return LeftOut(line=label.line, reason="the exam names no patient: it might be in two sets at once")
    instances = source.instances(known.study)
    spec = _taught(spec)
    judged = assess.assess(instances, [(spec, spec.resolve({}))], rules)
    if len(judged.tasks) != 1:
        reason = judged.refusals[0].reason if judged.refusals else f"{len(judged.tasks)} cases in one exam"
        return LeftOut(line=label.line, reason=reason)
    (task,) = judged.tasks
    by_uid = {instance.header.sop_instance_uid: instance for instance in instances}
    filled = [(chosen, tuple(by_uid[uid] for uid in chosen.stack.instances)) for chosen in task.inputs]
    drawn = labelled(spec)
    read = {c.role: f"{c.role} {c.input_digest}" for c, _ in filled}
    of = [spec.name, spec.version]
    return Exam(
        label=label,
        patient=digest_of([known.patient_id]),
        digest=digest_of([*of, *(said for role, said in read.items() if role not in drawn)]),
        contents=digest_of([*of, *read.values()]),
        inputs=tuple(_input(chosen, members) for chosen, members in filled),
        files={chosen.role: tuple(source.path(member) for member in members) for chosen, members in filled},
    )


def prepare(exam: Exam, spec: PluginSpec, workers: Workers, folder: Path) -> Path:
    """The file of arrays that the plugin's networks see of an exam, made on first use.

    A segmentation that cannot be used, and is not required, is as if it were not there.

    Raises
    ------
    Unsuitable, GeometryError, PluginError
        When the images, or the plugin, will not have it.
    """
    assert spec.learning is not None
    file = folder / f"{exam.contents[:32]}.npz"
    if not file.exists():
        resources = spec.resources
        with TemporaryDirectory(dir=folder) as name:
            case = Path(name)
            time, memory = resources.timeout_s, resources.memory_mib
            staged = (exam.inputs, exam.files, spec.resolve({}), case, None, labelled(_taught(spec)))
            workers.run(stage, *staged, timeout_s=time, memory_mib=memory)
            workers.run(prepare_case, spec.learning.prepare, case, file, timeout_s=time, memory_mib=memory)
    return file


def _taught(spec: PluginSpec) -> PluginSpec:
    """The plugin with what a labelled exam may hold beside its own inputs."""
    more = spec.learning.inputs if spec.learning else ()
    return replace(spec, inputs=(*spec.inputs, *more))


def _input(chosen: Chosen, members: tuple[Instance, ...]) -> Input:
    assert chosen.stack.geometry is not None  # a stack without one fills no role
    return Input(
        role=chosen.role,
        instances=members,
        frames=chosen.stack.frames,
        geometry=chosen.stack.geometry,
        frame_of_reference_uid=chosen.stack.frame_of_reference_uid,
    )
