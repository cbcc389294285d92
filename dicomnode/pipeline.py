"""The durable workflows of an exam: assess it, execute its tasks, put the results into the outbox.

Each workflow is a function that may run again from its start: it reads where things stand, does its work and commits
what it did together with what comes next, in one transaction. A crash at any point repeats at most that function.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dicomnode.advice import Board
from dicomnode.assemble import assess, patient_facts
from dicomnode.assemble.priors import compares
from dicomnode.catalog import models
from dicomnode.catalog.plugins import Enabled
from dicomnode.deliver import routing
from dicomnode.delivery import Delivery
from dicomnode.domain.decision import LedgerEntry, Model
from dicomnode.domain.exam import PlannedTask
from dicomnode.domain.identity import Digest, digest_of_bytes
from dicomnode.domain.instance import Instance, StoredObject
from dicomnode.domain.task import ResultObject, Task, TaskState
from dicomnode.encode import kos
from dicomnode.encode.encode import encode_case
from dicomnode.encode.work import Work
from dicomnode.engine.direct import Direct
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import BrokenPlugin, DicomnodeError, Frozen, Unsuitable
from dicomnode.execute.run import lane, run, yielding
from dicomnode.execute.stage import stage
from dicomnode.execute.workers import Workers
from dicomnode.index import alarms, deliveries, exams, facts, priors, references, retractions, tasks
from dicomnode.index import ledger as decisions
from dicomnode.index.database import DATABASE_AWAY, Database, Transaction
from dicomnode.monitor import ledger
from dicomnode.monitor.silence import streams
from dicomnode.prefetch import Prefetch
from dicomnode.sdk import wire
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.findings import Finding
from dicomnode.sdk.spec import PluginSpec, labelled
from dicomnode.settings import Settings
from dicomnode.store.filesystem import FileStore

log = logging.getLogger(__name__)

_NODE_WORK_TIMEOUT_S = 600.0
_NODE_WORK_MEMORY_MIB = 8192

LANES = {"express": "express", "normal": "execute"}
"""The workflow, and with it the queue, of each lane."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the workflows work with; made by the composition root."""

    settings: Settings
    database: Database
    store: FileStore
    submitter: Submitter
    plugins: Mapping[str, Enabled]
    node_workers: Workers
    """The node's own heavy work: decoding, encoding."""
    plugin_workers: Workers
    delivery: Delivery
    prefetch: Prefetch
    advice: Board
    now: Callable[[], datetime]


class Pipeline:
    """From a complete exam to results in the outbox; there delivery takes over."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._compares = any(compares(plugin.spec) for plugin in parts.plugins.values())
        self.direct = Direct(self.execute, parts.settings.node.express_processes)
        """Tasks that somebody waits for at the scanner: begun without a wait for their queue."""

    # -- 1: an exam is complete, or enough of it for the express lane --

    def submit_assessment(self, session: Transaction, exam_id: int) -> None:
        """Have a complete exam assessed."""
        self._parts.submitter.submit(session, "assess", _assess_id(exam_id), exam_id)

    def plan(
        self, session: Transaction, exam_id: int, planned: Sequence[PlannedTask], *, whole: bool
    ) -> list[tuple[Digest, int]]:
        """Write the tasks of an assessment, of the whole exam or of some series, and submit those that are new.

        Returns
        -------
        list of (task id, attempt)
            Those of plugins that advise: :attr:`direct` may begin them once the transaction is committed.
        """
        parts, awaited = self._parts, []
        planned = tasks.fresh(session, planned)
        for task_id, attempt in tasks.plan(session, exam_id, planned, parts.now(), whole=whole):
            plugin = next(task.plugin for task in planned if task.task_id == task_id)
            spec = parts.plugins[plugin].spec
            parts.submitter.submit(session, LANES[spec.resources.lane], _execute_id(task_id, attempt), task_id, attempt)
            if spec.advises:
                awaited.append((task_id, attempt))
        self._submit_retractions(session, exams.study_of(session, exam_id))
        return awaited

    def known(self, session: Transaction, study: str, instances: Sequence[Instance]) -> dict[str, FactValue]:
        """What is known of the patient of a study, of all that a plugin may ask for."""
        by_series = {instance.header.series_instance_uid: instance.header.facts for instance in instances}
        told = facts.known(session, study)
        return patient_facts.gathered(list(by_series.values()), told, self._parts.settings.facts)

    # -- 2: what is it, and which plugins fit? --

    def assess(self, exam_id: int) -> None:
        """Judge an exam revision: stacks, roles, tasks or reasons; submit the tasks."""
        parts = self._parts
        specs = [(plugin.spec, plugin.parameters) for plugin in parts.plugins.values()]
        with parts.database.write() as session:
            study = exams.lock(session, exam_id)
            if study is None:
                return
            earlier = priors.earlier(session, study, parts.settings.priors.studies) if self._compares else []
            searching = parts.prefetch.pending(session, study)
            instances = exams.instances(session, study)
            known = self.known(session, study, instances)
            assessment = assess.assess(instances, specs, parts.settings.roles, earlier, searching, known)
            if assessment.waiting_for_priors:
                parts.prefetch.begin(session, study)
            exams.write_assessment(session, exam_id, assessment, parts.now())
            references.note(session, study, streams(assessment.stacks, instances), parts.now())
            awaited = self.plan(session, exam_id, assessment.tasks, whole=True)
        for task in awaited:
            self.direct.begin(*task)
        parts.advice.planned(study, assessment.tasks)
        parts.advice.assessed(study, assessment)
        plugins = ",".join(task.plugin for task in assessment.tasks)
        log.info("exam assessed", extra={"exam": exam_id, "count": len(assessment.stacks), "plugin": plugins})

    # -- 3: run the plugin, write its findings as objects --

    def execute(self, task_id: str, attempt: int) -> None:
        """Run one attempt of a task; whatever happens, the task ends in a stated outcome."""
        parts, key = self._parts, Digest(task_id)
        with parts.database.write() as session:
            if not tasks.start(session, key, attempt, parts.now()):
                return
            task, made = tasks.load(session, key), tasks.has_results(session, key)
            freezes = alarms.freezes(session, task.plugin)
        try:
            if why := ledger.frozen(freezes, Model(plugin=task.plugin)):
                raise Frozen(why)
            self._finish(task, *(((), (), None) if made else self._results(task)))
        except Frozen as stopped:
            parts.advice.failed(task, f"frozen: {stopped}")
            self._end(task, TaskState.CANCELLED, f"frozen: {stopped}")
        except Unsuitable as verdict:
            parts.advice.failed(task, str(verdict))
            self._end(task, TaskState.NOT_APPLICABLE, str(verdict))
        except DicomnodeError as error:
            parts.advice.failed(task, f"the analysis failed ({type(error).__name__})")
            self._end(task, TaskState.FAILED, f"{type(error).__name__}: {error}")
        except DATABASE_AWAY:  # says nothing about the task: the engine runs it again
            raise
        except Exception as error:  # last border: a fault of ours must end this task, not hang it
            parts.advice.failed(task, "the analysis failed unexpectedly")
            log.exception("task failed unexpectedly", extra={"plugin": task.plugin, "task": task_id[:16]})
            self._end(task, TaskState.FAILED, f"unexpected {type(error).__name__}; see the log at this time")

    def _results(self, task: Task) -> tuple[tuple[ResultObject, ...], tuple[LedgerEntry, ...], frozenset[str]]:
        """Run the plugin; its findings as objects, its decisions, and what routes go by.

        Raises
        ------
        Frozen
            When a model that may not speak has decided; that it did is in the ledger then.
        """
        parts = self._parts
        plugin = self._plugin(task)
        chosen = models.for_task(plugin.filled, task.parameters, parts.now().date())
        directory = _case_directory(parts.settings, task)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o700)
        files = {entry.role: tuple(parts.store.path(i.stored.key) for i in entry.instances) for entry in task.inputs}
        lies_on = labelled(plugin.spec)
        left_out = self._node_work(
            *lane(plugin.spec, stage), task.inputs, files, task.parameters, directory, task.facts, lies_on
        )
        self._note(task, plugin.spec, left_out)
        if plugin.spec.models:
            wire.write_models(directory, *chosen)
        findings = run(parts.plugin_workers, plugin.spec, directory)
        made = self._decisions(task, findings)
        parts.advice.found(task, findings)
        work = Work(
            task_id=task.task_id,
            spec=plugin.spec,
            parameters=task.parameters,
            mode=parts.settings.node.mode,
            inputs={role: paths for role, paths in files.items() if role not in lies_on},
            frames={entry.role: entry.frames for entry in task.inputs},
            segmentations={role: files[role][0] for role in lies_on if role in files and role not in left_out},
            geometry={entry.role: entry.geometry for entry in task.inputs},
            replaces=self._replaced(task, plugin),
            kinds=routing.kinds(parts.settings.peers),
        )
        encode = (
            (yielding, encode_case) if plugin.spec.advises else lane(plugin.spec, encode_case)
        )  # it is said already
        results: tuple[ResultObject, ...] = self._node_work(*encode, directory, work)
        if not parts.settings.node.keep_cases:
            shutil.rmtree(directory)
        return results, made, routing.said(findings)

    def _note(self, task: Task, spec: PluginSpec, left_out: Mapping[str, str]) -> None:
        """Say which segmentations could not be used once they were read.

        Raises
        ------
        Unsuitable
            When the plugin needs one of them.
        """
        if not left_out:
            return
        with self._parts.database.write() as session:
            tasks.note_unused(session, task.task_id, left_out)
        if lacking := [role.role for role in spec.inputs if role.required and role.role in left_out]:
            raise Unsuitable(f"{lacking[0]} cannot be used: {left_out[lacking[0]]}")

    def _decisions(self, task: Task, findings: Sequence[Finding]) -> tuple[LedgerEntry, ...]:
        with self._parts.database.read() as session:
            freezes = alarms.freezes(session, task.plugin)
        made = ledger.entries(task, findings, self._parts.now(), freezes)
        withheld = [entry for entry in made if entry.withheld]
        if withheld:
            with self._parts.database.write() as session:
                decisions.record(session, made)
            raise Frozen(ledger.frozen(freezes, withheld[0].by))
        return made

    def _replaced(self, task: Task, plugin: Enabled) -> Path | None:
        with self._parts.database.read() as session:
            key = retractions.predecessor(session, task.task_id, same_series=plugin.spec.level == "series")
        return self._parts.store.path(key) if key is not None else None

    def _node_work(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Decoding and encoding meet hostile bytes and take seconds: neither belongs into the receiving process."""
        workers = self._parts.node_workers
        return workers.run(function, *arguments, timeout_s=_NODE_WORK_TIMEOUT_S, memory_mib=_NODE_WORK_MEMORY_MIB)

    def _plugin(self, task: Task) -> Enabled:
        plugin = self._parts.plugins.get(task.plugin)
        if plugin is None or plugin.spec.version != task.version:
            there = f"version {plugin.spec.version} is" if plugin else "it is not"
            raise BrokenPlugin(f"the task was made for {task.plugin} {task.version}, but {there} enabled here")
        return plugin

    def _finish(
        self,
        task: Task,
        results: Sequence[ResultObject],
        made: Sequence[LedgerEntry] = (),
        said: frozenset[str] | None = frozenset(),
    ) -> None:
        """Store the objects, then commit them with outbox and decisions; recovery removes what a crash leaves.

        What they say is None for those that an earlier attempt has made: they go where that one sent them.
        """
        parts, settings = self._parts, self._parts.settings
        kept = [(result, self._keep(result)) for result in results]
        with parts.database.write() as session:
            if said is None:
                before = deliveries.meant_for(session, task.task_id)
                routes = routing.again(settings.peers, settings.routes, task.plugin, before)
            else:
                routes = routing.routes(settings.peers, settings.routes, task.plugin, said)
            peers = tasks.finish(session, task.task_id, task.attempt, kept, routes, parts.now())
            parts.delivery.begin(session, task.task_id, task.attempt, peers or ())
            if peers is not None:
                decisions.record(session, made)
        if peers is None:  # superseded while it ran
            for _, stored in kept:
                parts.store.remove(stored.key)
        log.info("task done", extra={"plugin": task.plugin, "task": task.task_id[:16], "count": len(results)})

    def _keep(self, result: ResultObject) -> StoredObject:
        key, size = self._parts.store.put([result.content])
        return StoredObject(key=key, size=size, digest=digest_of_bytes(result.content))

    def _end(self, task: Task, state: TaskState, reason: str) -> None:
        with self._parts.database.write() as session:
            tasks.end(session, task.task_id, task.attempt, state, reason, self._parts.now())
        # The reason stays in the index: what a library says about a value may quote it.
        extra = {"plugin": task.plugin, "task": task.task_id[:16], "state": state.value}
        log.info("task ended without results", extra=extra)

    # -- 4: take back what changed input has made stale --

    def retract(self, task_id: str) -> None:
        """Send a rejection note for a superseded task's results to the peers that hold them and take such notes."""
        parts = self._parts
        with parts.database.read() as session:
            found = retractions.stale(session, routing.takers(parts.settings.peers, "KOS"), Digest(task_id))
        for stale in found:
            files = [parts.store.path(key) for key in stale.store_keys]
            try:
                note = self._node_work(yielding, kos.reject, files, kos.REJECTED_FOR_QUALITY)
            except DicomnodeError as error:
                with parts.database.write() as session:
                    retractions.give_up(session, stale, type(error).__name__, parts.now())
                raise
            stored = self._keep(note)
            with parts.database.write() as session:
                taken = retractions.take_back(session, stale, note, stored, parts.now())
                parts.delivery.begin(session, stale.task_id, stale.attempt, stale.peers, chain=retractions.KIND)
            if not taken:
                parts.store.remove(stored.key)
            log.info("results taken back", extra={"task": task_id[:16], "count": len(files)})

    def _submit_retractions(self, session: Transaction, study: str = "") -> None:
        """Submit what has to be taken back; one that is under way already is not begun twice."""
        parts = self._parts
        takers = routing.takers(parts.settings.peers, "KOS")
        for stale in retractions.stale(session, takers, study=study):
            workflow_id = _retract_id(stale.task_id, stale.peers)
            parts.submitter.submit(session, "retract", workflow_id, stale.task_id)

    # -- nothing is forgotten --

    def reconcile(self) -> None:
        """End or resubmit what the index believes to be under way but the engine has given up; called once a minute.

        The rows are read before the engine is asked: work that ends in between has then written its end.
        """
        parts = self._parts
        with parts.database.read() as session:
            waiting, running = exams.waiting(session), tasks.running(session)
        alive = parts.submitter.alive()
        given_up = "the node stopped or failed repeatedly while this ran"
        with parts.database.write() as session:
            for exam_id in waiting:
                if not any(one == _assess_id(exam_id) or one.startswith(f"{_assess_id(exam_id)}-") for one in alive):
                    exams.refuse(session, exam_id, f"not assessed: {given_up}", parts.now())
            for task_id, attempt in running:
                if _execute_id(task_id, attempt) not in alive:
                    tasks.end(session, task_id, attempt, TaskState.FAILED, given_up, parts.now())
            self._submit_retractions(session)  # of what was on its way when its task was superseded, and has arrived


def retry(database: Database, submitter: Submitter, task_id: Digest, now: datetime) -> int | None:
    """Queue an ended task again, from any process; returns the attempt, or None when it has not ended."""
    with database.write() as session:
        attempt = tasks.retry(session, task_id, now)
        if attempt is not None:
            submitter.submit(session, "execute", _execute_id(task_id, attempt), task_id, attempt)
        return attempt


def _assess_id(exam_id: int) -> str:
    return f"assess-{exam_id}"


def _execute_id(task_id: Digest, attempt: int) -> str:
    return f"execute-{task_id}-{attempt}"


def _retract_id(task_id: Digest, peers: Sequence[str]) -> str:
    return f"retract-{task_id}-{','.join(peers)}"


def _case_directory(settings: Settings, task: Task) -> Path:
    return settings.node.data.absolute() / "cases" / f"{task.task_id[:16]}-{task.attempt}"
