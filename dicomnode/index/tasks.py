"""Tasks in the index: planned, running, ended, superseded; and what they made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import select, update

from dicomnode.domain.delivery import DeliveryState
from dicomnode.domain.exam import Outcome, PlannedTask, SeriesVerdict
from dicomnode.domain.identity import Digest, SeriesInstanceUID, StudyInstanceUID, digest_of
from dicomnode.domain.instance import StoredObject
from dicomnode.domain.stack import Geometry
from dicomnode.domain.task import ENDED, Input, ResultObject, Task, TaskState
from dicomnode.index import deliveries, ledger, retractions
from dicomnode.index.database import Transaction
from dicomnode.index.exams import hold_study, instance_of, write_verdicts
from dicomnode.index.schema import (
    DeliveryRow,
    EventRow,
    ExamRow,
    InstanceRow,
    ObjectRow,
    SeriesRow,
    TaskInputRow,
    TaskRow,
)

_NOT_USED = ": not used: "


def plan(
    session: Transaction, exam_id: int, planned: Sequence[PlannedTask], now: datetime, *, whole: bool = True
) -> list[tuple[Digest, int]]:
    """Write the tasks of an assessment and supersede the study's others.

    An assessment that is not of the whole exam knows of some series only: it supersedes what the same plugin was
    planned to do with the same series before they changed, and nothing else.

    A task that is known already keeps its state: the same inputs give the same results. One that had been superseded
    or cancelled is queued again.

    Returns
    -------
    list of (task id, attempt)
        What has to be submitted.
    """
    study = StudyInstanceUID(session.get_one(ExamRow, exam_id).study_instance_uid)
    wanted = {task.task_id for task in planned}
    for old in session.scalars(select(TaskRow).where(TaskRow.study_instance_uid == study)):
        if old.task_id in wanted or old.state in (TaskState.SUPERSEDED, TaskState.CANCELLED):
            continue
        if whole or _same_work(session, old, planned):
            _end(session, old, TaskState.SUPERSEDED, "the exam has changed since", now)
    submit = []
    for task in planned:
        row = session.get(TaskRow, task.task_id)
        if row is None:
            row = _new(session, exam_id, study, task, now)
        elif row.state in (TaskState.SUPERSEDED, TaskState.CANCELLED):
            ledger.supersede(session, row.task_id, superseded=False)
            _queue_again(row)
        else:
            row.exam, row.notes = exam_id, [*task.notes, *_unused(row)]
            continue
        row.exam, row.notes = exam_id, list(task.notes)
        submit.append((task.task_id, row.attempt))
    session.flush()
    for task in planned:
        settle(session, task.task_id)
    return submit


def fresh(session: Transaction, planned: Sequence[PlannedTask]) -> list[PlannedTask]:
    """The tasks, each under a new id where its results have been taken back.

    What an archive was told to hide must not be sent again under the same UIDs.
    """
    return [replace(task, task_id=_fresh(session, task.task_id)) for task in planned]


def _fresh(session: Transaction, task_id: Digest) -> Digest:
    row = session.get(TaskRow, task_id)
    if row is None or row.state != TaskState.SUPERSEDED or not retractions.exists(session, task_id):
        return task_id
    return _fresh(session, digest_of([task_id, "again"]))


def _same_work(session: Transaction, old: TaskRow, planned: Sequence[PlannedTask]) -> bool:
    """Whether one of the planned tasks does again, with other input, what an older one did."""
    series = set(session.scalars(select(TaskInputRow.series_instance_uid).where(TaskInputRow.task_id == old.task_id)))
    return any(
        task.plugin == old.plugin and not series.isdisjoint(chosen.stack.series_instance_uid for chosen in task.inputs)
        for task in planned
    )


def _new(session: Transaction, exam_id: int, study: StudyInstanceUID, task: PlannedTask, now: datetime) -> TaskRow:
    row = TaskRow(
        task_id=task.task_id,
        exam=exam_id,
        study_instance_uid=study,
        plugin=task.plugin,
        version=task.version,
        parameters=dict(task.parameters),
        facts=dict(task.facts),
        notes=list(task.notes),
        state=TaskState.QUEUED,
        reason="",
        attempt=1,
        created=now,
    )
    session.add(row)
    session.flush()
    for chosen in task.inputs:
        if chosen.stack.geometry is None:
            raise ValueError("a planned task needs the geometry of its inputs")
        session.add(
            TaskInputRow(
                task_id=task.task_id,
                role=chosen.role,
                series_instance_uid=chosen.stack.series_instance_uid,
                frame_of_reference_uid=chosen.stack.frame_of_reference_uid,
                geometry=asdict(chosen.stack.geometry),
                instances=list(chosen.stack.instances),
                frames=list(chosen.stack.frames),
            )
        )
    return row


def _queue_again(row: TaskRow) -> None:
    row.state, row.reason, row.attempt = TaskState.QUEUED, "", row.attempt + 1
    row.started = row.ended = None


def _hold(session: Transaction, task_id: Digest) -> TaskRow:
    hold_study(session, session.get_one(TaskRow, task_id).study_instance_uid)
    return session.get_one(TaskRow, task_id, with_for_update=True)


def load(session: Transaction, task_id: Digest) -> Task:
    """Everything needed to run a task and to write its results."""
    row = session.get_one(TaskRow, task_id)
    study = StudyInstanceUID(row.study_instance_uid)
    inputs = session.scalars(select(TaskInputRow).where(TaskInputRow.task_id == task_id).order_by(TaskInputRow.role))
    return Task(
        task_id=task_id,
        attempt=row.attempt,
        study_instance_uid=study,
        plugin=row.plugin,
        version=row.version,
        parameters=row.parameters,
        facts=row.facts,
        inputs=tuple(_input(session, entry) for entry in inputs),
        state=TaskState(row.state),
    )


def _input(session: Transaction, row: TaskInputRow) -> Input:
    found = session.execute(
        select(InstanceRow, SeriesRow.study_instance_uid)
        .join(SeriesRow, SeriesRow.series_instance_uid == InstanceRow.series_instance_uid)
        .where(InstanceRow.sop_instance_uid.in_(row.instances))
    )
    by_uid = {instance.sop_instance_uid: instance_of(instance, StudyInstanceUID(study)) for instance, study in found}
    return Input(
        role=row.role,
        instances=tuple(by_uid[uid] for uid in row.instances),
        frames=tuple(row.frames),
        geometry=Geometry(**{name: tuple(value) for name, value in row.geometry.items()}),
        frame_of_reference_uid=row.frame_of_reference_uid,
    )


def has_results(session: Transaction, task_id: Digest) -> bool:
    """Whether an earlier attempt of a task has made its objects: the same inputs would only make them again."""
    return session.scalar(select(ObjectRow.sop_instance_uid).where(ObjectRow.task_id == task_id).limit(1)) is not None


def start(session: Transaction, task_id: Digest, attempt: int, now: datetime) -> bool:
    """Mark an attempt as running; False when this attempt is no longer wanted."""
    row = _hold(session, task_id)
    if row.attempt != attempt or row.state not in (TaskState.QUEUED, TaskState.RUNNING):
        return False
    row.state, row.started = TaskState.RUNNING, now
    settle(session, task_id)
    return True


def finish(
    session: Transaction,
    task_id: Digest,
    attempt: int,
    results: Sequence[tuple[ResultObject, StoredObject]],
    routes: Sequence[tuple[str, frozenset[str]]],
    now: datetime,
) -> tuple[str, ...] | None:
    """Commit the results of an attempt and queue all objects of the task for their destinations.

    Parameters
    ----------
    results : sequence of (object, where its bytes are)
        Empty when an earlier attempt has made them.
    routes : sequence of (peer name, kinds it receives)

    Returns
    -------
    tuple of str, or None
        The peers something is queued for; None when the attempt is no longer wanted and nothing was written.
    """
    row = _hold(session, task_id)
    if row.attempt != attempt or row.state != TaskState.RUNNING:
        return None
    session.add_all(_object_row(task_id, result, stored, now) for result, stored in results)
    session.flush()
    peers = tuple(name for name, kinds in routes if deliveries.queue(session, task_id, name, kinds, now))
    kinds = Counter(session.scalars(select(ObjectRow.kind).where(ObjectRow.task_id == task_id)))
    summary = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    _end(
        session,
        row,
        TaskState.DONE,
        "; ".join([f"{summary} for {', '.join(peers) or 'no destination'}", *_unused(row)]),
        now,
    )
    return peers


def _object_row(task_id: Digest, result: ResultObject, stored: StoredObject, now: datetime) -> ObjectRow:
    return ObjectRow(
        sop_instance_uid=result.sop_instance_uid,
        sop_class_uid=result.sop_class_uid,
        series_instance_uid=result.series_instance_uid,
        task_id=task_id,
        kind=result.kind,
        description=result.description,
        store_key=stored.key,
        size=stored.size,
        digest=stored.digest,
        created=now,
    )


def end(session: Transaction, task_id: Digest, attempt: int, state: TaskState, reason: str, now: datetime) -> None:
    """End an attempt without results, if it is still the wanted one."""
    row = _hold(session, task_id)
    if row.attempt == attempt and row.state not in ENDED:
        _end(session, row, state, reason, now)


def retry(session: Transaction, task_id: Digest, now: datetime) -> int | None:
    """Queue an ended task again; returns the new attempt, or None when it has not ended."""
    row = _hold(session, task_id)
    if row.state not in ENDED or row.state == TaskState.SUPERSEDED:
        return None
    _queue_again(row)
    session.add(EventRow(at=now, study_instance_uid=row.study_instance_uid, subject="task", text="retried by hand"))
    settle(session, task_id)
    return row.attempt


def note_unused(session: Transaction, task_id: Digest, reasons: Mapping[str, str]) -> None:
    """Add to what is said of a task's inputs why it goes without some of them, by role."""
    row = _hold(session, task_id)
    lines = [f"{role}{_NOT_USED}{reason}" for role, reason in reasons.items()]
    row.notes = list(dict.fromkeys([*row.notes, *lines]))


def _unused(row: TaskRow) -> list[str]:
    return [line for line in row.notes if _NOT_USED in line]


def running(session: Transaction) -> list[tuple[Digest, int]]:
    """Tasks that are queued or running, with their attempt."""
    rows = session.scalars(select(TaskRow).where(TaskRow.state.in_((TaskState.QUEUED, TaskState.RUNNING))))
    return [(Digest(row.task_id), row.attempt) for row in rows]


def _end(session: Transaction, row: TaskRow, state: TaskState, reason: str, now: datetime) -> None:
    row.state, row.reason, row.ended = state, reason, now
    if state in (TaskState.SUPERSEDED, TaskState.CANCELLED):
        session.execute(
            update(DeliveryRow)
            .where(
                DeliveryRow.task_id == row.task_id,
                DeliveryRow.state.in_((DeliveryState.QUEUED, DeliveryState.WAITING)),
            )
            .values(state=DeliveryState.WITHDRAWN, reason=reason, updated=now)
        )
    text = f"{row.plugin} {state}: {reason}"
    session.add(EventRow(at=now, study_instance_uid=row.study_instance_uid, subject="task", text=text))
    session.flush()
    if state == TaskState.SUPERSEDED:
        ledger.supersede(session, row.task_id, superseded=True)
    else:
        settle(session, Digest(row.task_id))


def settle(session: Transaction, task_id: Digest) -> None:
    """Bring the outcome of a task's input series in line with all live tasks they feed."""
    series = session.scalars(select(TaskInputRow.series_instance_uid).where(TaskInputRow.task_id == task_id)).unique()
    verdicts = []
    for uid in series:
        rows = session.scalars(
            select(TaskRow)
            .join(TaskInputRow, TaskInputRow.task_id == TaskRow.task_id)
            .where(TaskInputRow.series_instance_uid == uid, TaskRow.state != TaskState.SUPERSEDED)
            .order_by(TaskRow.plugin)
        ).unique()
        outcome, reason = outcome_of([(row.plugin, TaskState(row.state), row.reason) for row in rows])
        verdicts.append(SeriesVerdict(series_instance_uid=SeriesInstanceUID(uid), outcome=outcome, reason=reason))
    write_verdicts(session, verdicts)


_RANK = (TaskState.FAILED, TaskState.QUEUED, TaskState.RUNNING, TaskState.DONE, TaskState.CANCELLED)
_OUTCOMES = {
    TaskState.FAILED: Outcome.FAILED,
    TaskState.QUEUED: Outcome.PENDING,
    TaskState.RUNNING: Outcome.PENDING,
    TaskState.DONE: Outcome.DONE,
    TaskState.CANCELLED: Outcome.REFUSED,
}


def outcome_of(tasks: Sequence[tuple[str, TaskState, str]]) -> tuple[Outcome, str]:
    """The one outcome of a series that feeds these tasks, given as (plugin, state, reason): the loudest one wins."""
    reason = "; ".join(f"{plugin} {state}" + (f": {why}" if why else "") for plugin, state, why in tasks)
    for state in _RANK:
        if any(state == other for _, other, _ in tasks):
            return _OUTCOMES[state], reason
    return Outcome.NOT_APPLICABLE, reason
