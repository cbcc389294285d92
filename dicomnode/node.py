"""Composition root: settings become parts, parts become a running node."""

from __future__ import annotations

import fcntl
import json
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Any

from dicomnode import reception, retention
from dicomnode.advice import Board
from dicomnode.assemble import patient_facts
from dicomnode.catalog import plugins as catalog
from dicomnode.deliver.destination import Destinations, DimseDestination, WebDestination
from dicomnode.delivery import Delivery, Means
from dicomnode.dimse import commitment
from dicomnode.dimse.archive import DimseArchive
from dicomnode.dimse.normalized import Service
from dicomnode.dimse.scp import Receivers, StorageSCP
from dicomnode.dimse.storing import Storing
from dicomnode.domain.evidence import StepReport
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.engine.runner import Runner, Workflow
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import SettingsError
from dicomnode.execute.workers import Workers
from dicomnode.feed import Feed
from dicomnode.hl7v2.mllp import Listener
from dicomnode.index import counts, procedure_steps
from dicomnode.index.database import Database, Transaction
from dicomnode.index.intake import Intake
from dicomnode.inquiry import SourceInquiry
from dicomnode.notices import WORKFLOW as NOTIFY
from dicomnode.notices import Notices
from dicomnode.observe.metrics import Metrics, Reading
from dicomnode.pipeline import LANES, Parts, Pipeline
from dicomnode.prefetch import Prefetch, PriorMeans
from dicomnode.receive.admit import Admission
from dicomnode.receive.recover import recover, settle
from dicomnode.receive.tally import Tally
from dicomnode.settings import Settings
from dicomnode.stability import StabilityClock
from dicomnode.store.filesystem import FileStore
from dicomnode.watch import Watch

log = logging.getLogger(__name__)

_SWEEP_S = 0.5
_OVERDUE_S = 1.0
_PREFETCHES = 4
_NOTICES = 4
_RECONCILE_S = 60.0
_RETENTION_S = 3600.0
_SETTLE_S = 600.0
_WATCH_S = 10.0
_LISTEN_S = 600.0
_NODE_WORK = ("dicomnode.execute.stage", "dicomnode.encode.encode:prepare")
"""Loaded ahead of time in the workers, like what plugins ask for."""
_EXECUTOR = "node-1"


class Node:
    """A node on this machine: starts, serves until stopped, leaves everything durable."""

    def __init__(self, settings: Settings) -> None:
        """Open the stores and the database, find the plugins; nothing runs yet.

        Raises
        ------
        SettingsError
            When another node uses the data folder or the database, or a setting does not fit what is installed.
        """
        data = settings.node.data.absolute()
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._closing = ExitStack()
        self._closing.enter_context(_only_node(data))
        self._settings = settings
        self._database = Database(settings.database.url, data)
        self._closing.callback(self._database.close)
        self._closing.enter_context(self._database.held())
        self._database.upgrade()
        strict = settings.dicom.durability == "strict"
        self._intake = Intake(self._database, strict=strict)
        self._closing.callback(self._intake.close)
        self._store = FileStore(data / "store", strict=strict)
        self._quarantine = FileStore(data / "quarantine", strict=strict)
        for store in (self._store, self._quarantine):
            self._closing.callback(store.shelves.close)
        patient_facts.check(settings.facts)
        self.plugins = catalog.enabled(catalog.discover(), settings)
        advising = [name for name, plugin in self.plugins.items() if plugin.spec.advises]
        self.metrics = Metrics({peer.aet: peer.name for peer in settings.peers}, self._readings)
        self.advice = Board(settings.advice, self._database, advising, _now)
        for plugin in self.plugins.values():
            for line in (*plugin.filled.refused, *plugin.filled.warnings):
                log.error("a model may not speak", extra={"plugin": plugin.spec.name, "problem": line})
        self._stopping = threading.Event()
        self._idle = True

    def start(self) -> None:
        """Recover what a crash left, then take work and associations."""
        settings = self._settings
        retention.finish(self._database, self._store)
        recover(self._store, self._intake, self._quarantine, _now)
        submitter = Submitter(self._database.workflow_engine)
        self._closing.callback(submitter.close)
        admission = Tally(Admission(self._store, self._intake, self._quarantine, _now, settings.limits), self.metrics)
        delivery, prefetch = self._delivery(submitter), self._prefetch(submitter, admission)
        parts = self._parts(submitter, delivery, prefetch)
        pipeline = Pipeline(parts)
        clock = StabilityClock(parts, pipeline)
        notices = Notices(settings, self._database, submitter, _now)
        self.advice.on_kept = notices.begin
        self.advice.start()
        self._closing.callback(self.advice.stop)
        self._run(pipeline, delivery, prefetch, notices)
        if self.advice.in_force:
            self._tend("advice", self.advice.watch, _SWEEP_S)
        if settings.hl7.enabled:
            self._listen(submitter, clock)
        self._tend("stability clock", clock.look, _SWEEP_S, clock.wake)
        if settings.completeness.source:
            source, quiet = settings.peer(settings.completeness.source), settings.completeness.series_quiet
            inquiry = SourceInquiry(self._database, source, settings.dicom, quiet, _now, clock.tell)
            self._tend("source counts", inquiry.ask, _SWEEP_S)
        self._tend("priors overdue", prefetch.end_overdue, _OVERDUE_S)
        self._tend("reconcile", pipeline.reconcile, _RECONCILE_S)
        self._tend("reconcile deliveries", delivery.reconcile, _RECONCILE_S)
        self._tend("settle", lambda: settle(self._store, self._intake), _SETTLE_S)
        watch = Watch(settings=settings.monitor, database=self._database, now=_now)
        self._tend("monitor", watch.look, _WATCH_S)
        self._tend("quiet streams", watch.listen, _LISTEN_S)
        self._tend("retention", self._retention(submitter).look, _RETENTION_S)

        def released(calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
            admission.released(calling_aet, series)
            clock.wake.set()

        def noted(word: str, *what: Any) -> None:
            if word == reception.RECEIVED:
                self.metrics.received(*what)
            else:
                self.metrics.released(*what)
                clock.wake.set()

        self._scp = StorageSCP(
            settings.dicom,
            settings.peers,
            admission.admit,
            released,
            limits=settings.limits,
            services=self._services(delivery, clock),
            receivers=Receivers(start=partial(reception.start, settings), noted=noted),
        )
        self._scp.start()
        self._closing.callback(self._scp.stop)
        log.info("listening", extra={"aet": settings.dicom.aet, "port": self._scp.port})

    def _listen(self, submitter: Submitter, clock: StabilityClock) -> None:
        """Hear what the site tells of its patients."""
        hl7 = self._settings.hl7
        feed = Feed(hl7, self._database, submitter, _now, clock.tell)
        try:
            listener = Listener(hl7.host, hl7.port, feed.hear, hl7.senders)
        except OSError as error:
            raise SettingsError(f"hl7: cannot listen on {hl7.host}:{hl7.port}: {error.strerror}") from error
        self._closing.callback(listener.stop)
        log.info("listening for HL7", extra={"port": listener.port})

    def _services(self, delivery: Delivery, clock: StabilityClock) -> list[Service]:
        """What peers may ask of us besides storing."""

        def begun(report: StepReport) -> None:
            procedure_steps.create(self._database, report, _now())

        def changed(report: StepReport) -> None:
            procedure_steps.update(self._database, report, _now())
            clock.tell()

        return reception.services(self._settings.peers, delivery.reported, begun, changed)

    @property
    def port(self) -> int:
        """The port associations are taken on."""
        return self._scp.port

    def check(self) -> None:
        """Ask whether the node can do its work.

        Raises
        ------
        SettingsError
            When the database does not answer.
        """
        self._database.check()

    def look(self) -> AbstractContextManager[Transaction]:
        """Open a read-only transaction on the index, for those who watch."""
        return self._database.read()

    def _readings(self) -> tuple[Reading, ...]:
        with self._database.read() as session:
            return (*counts.readings(session), *self.advice.readings())

    def stop(self) -> bool:
        """Take nothing more and let running work finish for a while.

        Returns
        -------
        bool
            False when work still runs. Then the process must end at once, as in a crash: the engine would write down a
            failure for work that is broken off in order, but takes it up again at the next start if it just ends.
        """
        log.info("stopping")
        self._closing.close()
        return self._idle

    def _delivery(self, submitter: Submitter) -> Delivery:
        settings = self._settings
        return Delivery(
            Means(
                settings=settings,
                database=self._database,
                submitter=submitter,
                path=self._store.path,
                destination=Destinations(
                    DimseDestination(settings.dicom, settings.delivery.report_wait), WebDestination()
                ),
                new_uid=commitment.new_transaction_uid,
                now=_now,
            )
        )

    def _retention(self, submitter: Submitter) -> retention.Retention:
        return retention.Retention(
            settings=self._settings, database=self._database, store=self._store, submitter=submitter, now=_now
        )

    def _prefetch(self, submitter: Submitter, admission: Tally) -> Prefetch:
        storing = Storing(admission.admit, admission.released)
        return Prefetch(
            PriorMeans(
                settings=self._settings,
                database=self._database,
                submitter=submitter,
                archive=DimseArchive(self._settings.dicom, storing.answer),
                plugins=tuple(self.plugins.values()),
                now=_now,
            )
        )

    def _parts(self, submitter: Submitter, delivery: Delivery, prefetch: Prefetch) -> Parts:
        express = self._settings.node.express_processes
        advice = express if self.advice.in_force else 0  # one advice may be answered and one written at a time
        processes = self._settings.node.plugin_processes + express + advice
        specs = [plugin.spec for plugin in self.plugins.values()]
        preload = sorted({module for spec in specs for module in spec.preload})
        threads = max((spec.resources.cpus for spec in specs), default=1)
        node_workers = Workers(processes=processes + advice, preload=_NODE_WORK)
        warm = [
            (
                plugin.spec.warm,
                json.dumps({slot: found.model.to_json() for slot, found in plugin.filled.models.items()}),
            )
            for plugin in self.plugins.values()
            if plugin.spec.warm
        ]
        plugin_workers = Workers(processes=processes, preload=preload, warm=warm, threads=threads)
        for close in (node_workers.stop, plugin_workers.stop):
            self._closing.callback(close)
        return Parts(
            settings=self._settings,
            database=self._database,
            store=self._store,
            submitter=submitter,
            plugins=self.plugins,
            node_workers=node_workers,
            plugin_workers=plugin_workers,
            delivery=delivery,
            prefetch=prefetch,
            advice=self.advice,
            now=_now,
        )

    def _run(self, pipeline: Pipeline, delivery: Delivery, prefetch: Prefetch, notices: Notices) -> None:
        """Let the engine work; when it is stopped with work left, nothing under that work is taken away."""
        associations = self._settings.delivery.associations
        workflows = {
            "assess": Workflow(run=pipeline.assess, concurrency=1),
            LANES["normal"]: Workflow(run=pipeline.execute, concurrency=self._settings.node.plugin_processes),
            LANES["express"]: Workflow(run=pipeline.direct.run, concurrency=self._settings.node.express_processes),
            "prefetch": Workflow(run=prefetch.run, concurrency=_PREFETCHES),
            "retract": Workflow(run=pipeline.retract, concurrency=1),
            "deliver": Workflow(run=delivery.deliver, concurrency=associations, partitioned=True),
            NOTIFY: Workflow(run=notices.tell, concurrency=_NOTICES),
            "prove": Workflow(run=delivery.prove, concurrency=1, partitioned=True),
        }
        runner = Runner(self._database.workflow_engine, _EXECUTOR, workflows)

        def drain() -> None:
            pipeline.direct.close()
            drain_s = self._settings.node.drain
            self._idle = runner.stop(drain_s) and pipeline.direct.idle(drain_s)
            if not self._idle:
                self._closing.pop_all()

        self._closing.callback(drain)
        runner.start()

    def _tend(self, name: str, duty: Callable[[], None], every_s: float, wake: threading.Event | None = None) -> None:
        """Do a duty again and again, and whenever it is woken, in a thread of its own, until the node stops."""
        woken = wake or threading.Event()

        def loop() -> None:
            while not self._stopping.is_set():
                woken.wait(every_s)
                if self._stopping.is_set():
                    return
                try:
                    duty()
                except Exception:  # the last border: a database that is away for a while must not end the duty for ever
                    log.exception("%s failed, will be tried again", name)

        def end() -> None:
            self._stopping.set()
            woken.set()
            thread.join()

        thread = threading.Thread(target=loop, name=name)
        thread.start()
        self._closing.callback(end)


def _now() -> datetime:
    return datetime.now(UTC)


def _only_node(data: Path) -> IO[str]:
    """Hold the data folder: two nodes in it would recover each other's running work."""
    lock = (data / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise SettingsError(f"another node runs in {data}; give this one its own node.data") from error
    return lock
