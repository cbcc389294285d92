"""The board of advice: what is awaited and stated for each exam, in memory first, durable a moment later.

A hung plugin, a killed worker, a database that is locked or away: none of them is asked before a deadline is kept.
What is stated is shown at once and written behind; what a crash keeps from being written is stated again after the
start, by then as the protocol as ordered.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomnode.advice_settings import AdviceSettings
from dicomnode.assemble.conditions import holds
from dicomnode.dicom.contrast import contrast
from dicomnode.domain import advice as rules
from dicomnode.domain.advice import Advice, AdviceKind, Origin
from dicomnode.domain.exam import Assessment, PlannedTask
from dicomnode.domain.instance import Facts
from dicomnode.domain.task import Task
from dicomnode.index import advice as index
from dicomnode.index.database import DATABASE_AWAY, Database, Transaction
from dicomnode.observe.metrics import Reading
from dicomnode.sdk.codes import Code
from dicomnode.sdk.findings import Finding, Recommendation
from dicomnode.sdk.spec import Match

log = logging.getLogger(__name__)

_SHOWN = timedelta(hours=12)
"""How long a stated advice stays on the board."""
_SHARES = (0.5, 0.95, 0.99)
_LONGEST_NAP_S = 1.0
_RETRY_S = 0.5
_LONGEST_NAME = 64
_UNSAID = "the plugin gave no advice"

Listener = Callable[[Advice], None]
"""Told of every change, in the thread that made it; it must only pass it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """One change that is not written yet."""

    advice: Advice
    said: str
    at: datetime


class Board:
    """One advice for each exam that is advised; safe to use from any thread."""

    def __init__(
        self, settings: AdviceSettings, database: Database, advising: Sequence[str], now: Callable[[], datetime]
    ) -> None:
        """Make the board; :meth:`start` lets it work.

        Parameters
        ----------
        advising : sequence of str
            The enabled plugins that advise; without one nothing is awaited.
        """
        self._settings, self._database, self._now = settings, database, now
        self._advising = frozenset(advising)
        self._conditions = [Match(keyword=one.keyword, op=one.op, value=one.value) for one in settings.match]
        self._board: dict[str, Advice] = {}
        self._last_needed: dict[str, datetime] = {}
        """When the last image came that an advice had to wait for; not kept over a restart."""
        self._unwritten: deque[_Change] = deque()
        self._listeners: list[Listener] = []
        self._lock = threading.Condition()
        self._work = threading.Condition()
        self.on_kept: Callable[[Transaction, Advice], None] = lambda _, __: None
        """Called in the transaction that keeps a change; set before :meth:`start`."""
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def in_force(self) -> bool:
        """Whether any plugin advises here."""
        return bool(self._advising)

    # -- its life --

    def start(self) -> None:
        """Take up what was awaited, then keep deadlines and write what changes, each in a thread of its own."""
        if not self.in_force:
            return
        with self._database.read() as session:
            taken_up = index.recent(session, self._now() - _SHOWN)
        with self._lock:
            self._board = {one.study_instance_uid: one for one in taken_up}
        for name, duty in (("advice deadlines", self._keep_deadlines), ("advice writer", self._write_behind)):
            thread = threading.Thread(target=duty, name=name)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Write what is not written and end."""
        self._stopping.set()
        for condition in (self._lock, self._work):
            with condition:
                condition.notify_all()
        for thread in self._threads:
            thread.join()

    # -- what happens to exams --

    def watch(self) -> None:
        """Find exams that are to be advised, and those of them that already have contrast or ended without advice."""
        if not self.in_force:
            return
        with self._lock:
            known = list(self._board)
            awaited = {one.exam_id: study for study, one in self._board.items() if one.kind is None}
        with self._database.read() as session:
            fresh = index.unadvised(session, known)
            seen = {study: index.facts_of_series(session, study) for study in awaited.values()}
            ended = index.ended(session, awaited, self._advising)
        for exam in fresh:
            if self._is_advised(exam.series):
                self._open(exam)
                self._too_late(exam.study_instance_uid, exam.series)
        for study, series in seen.items():
            self._too_late(study, series)
        for exam_id in ended:  # its assessment was lost to a crash, or the exam was refused
            self.assessed(awaited[exam_id], None)

    def planned(self, study: str, tasks: Sequence[PlannedTask], last_needed: datetime | None = None) -> None:
        """Images suffice for these tasks, the last of them came a moment ago: from now the deadline counts."""
        if any(task.plugin in self._advising for task in tasks):
            with self._lock:
                is_known = study in self._board
                if last_needed is not None:
                    self._last_needed[study] = last_needed
            if not is_known:
                self.watch()
            deadline = self._now() + timedelta(seconds=self._settings.deadline)
            self._change(study, lambda one: rules.counted(one, deadline), "the images needed are complete")

    def found(self, task: Task, findings: Sequence[Finding]) -> None:
        """Show what a plugin advises, before any object of it is written."""
        if task.plugin not in self._advising:
            return
        advised = [one for one in findings if isinstance(one, Recommendation)]
        kind = _kind(advised[0].value) if len(advised) == 1 else None
        if kind is None:
            self.failed(task, _UNSAID)
            return
        said = advised[0]
        self._state(
            task.study_instance_uid, kind, said.reason, Origin.PLUGIN, cautions=said.cautions, task_id=task.task_id
        )

    def failed(self, task: Task, reason: str) -> None:
        """A plugin that advises has ended without findings: the protocol as ordered."""
        if task.plugin in self._advising:
            kind, origin = AdviceKind.STANDARD_PROTOCOL, Origin.FAILURE
            self._state(task.study_instance_uid, kind, reason, origin, task_id=task.task_id)

    def assessed(self, study: str, assessment: Assessment | None) -> None:
        """The exam is over: if no plugin works on its advice, the protocol as ordered, with the reason."""
        if assessment is not None and any(task.plugin in self._advising for task in assessment.tasks):
            return
        refusals = assessment.refusals if assessment is not None else ()
        lines = [one.reason for one in refusals if one.plugin in self._advising]
        reason = lines[0] if lines else "the exam ended without the images needed"
        self._state(study, AdviceKind.STANDARD_PROTOCOL, reason, Origin.FAILURE)

    def incomplete(self, study: str, because: str) -> None:
        """The exam is judged though images are missing: what is still awaited of it ends in the protocol as ordered."""
        with self._lock:
            one = self._board.get(study)
        if one is not None and one.kind is None and not one.counting:
            self._state(study, AdviceKind.STANDARD_PROTOCOL, f"images are missing: {because}", Origin.FAILURE)

    def acknowledge(self, study: str, kind: AdviceKind, who: str) -> bool:
        """Keep who has seen an advice; False when it is another one by now, or somebody has before.

        Raises
        ------
        ValueError
            Without a name, or with one that is none.
        """
        name = " ".join(who.split())
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            raise ValueError(f"say who acknowledges, in 1 to {_LONGEST_NAME} printable characters")
        now = self._now()
        text = f"acknowledged: {kind.value} by {name}"
        return self._change(study, lambda one: rules.acknowledge(one, kind, name, now), text) is not None

    # -- what the console shows --

    def shown(self) -> list[Advice]:
        """What is awaited, soonest deadline first, then what was stated, newest first."""
        since = self._now() - _SHOWN
        with self._lock:
            kept = [one for one in self._board.values() if one.stated is None or one.stated >= since]
        waiting = sorted((one for one in kept if one.kind is None), key=lambda one: one.deadline)
        return [*waiting, *sorted((one for one in kept if one.stated), key=_stated, reverse=True)]

    def readings(self) -> tuple[Reading, ...]:
        """Advice of the last hours by what was advised and by whom, and how long the images had to wait for it."""
        stated = [one for one in self.shown() if one.kind and one.origin]
        counts = Counter((one.kind.value, one.origin.value) for one in stated if one.kind and one.origin)
        begun = timedelta(seconds=self._settings.deadline)
        with self._lock:
            since = dict(self._last_needed)
        waits = sorted(
            (one.stated - since.get(one.study_instance_uid, one.deadline - begun)).total_seconds()
            for one in stated
            if one.counting and one.stated
        )
        ranks: dict[tuple[str, ...], float] = {
            (f"{share:g}",): waits[min(int(share * len(waits)), len(waits) - 1)] for share in _SHARES if waits
        }
        return (
            Reading(
                name="dicomnode_advice",
                text=f"Exams advised in the last {_SHOWN.total_seconds() / 3600:g} hours.",
                labels=("advice", "by"),
                values={labels: float(count) for labels, count in counts.items()},
            ),
            Reading(
                name="dicomnode_advice_seconds",
                text="Seconds from the last image needed to the advice, over the same time.",
                labels=("quantile",),
                values=ranks,
            ),
        )

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell a listener of every change; call what is returned to end it."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return end

    # -- inside --

    def _is_advised(self, series: Sequence[Facts]) -> bool:
        if not any(facts.get("Modality") == "MR" for facts in series):
            return False
        return not self._conditions or any(all(holds(facts, one) for one in self._conditions) for facts in series)

    def _open(self, exam: index.Unadvised) -> None:
        from_image = self._settings.counts_from == "image"
        seconds = self._settings.deadline if from_image else self._settings.longest
        first = exam.series[0]
        advice = Advice(
            study_instance_uid=exam.study_instance_uid,
            exam_id=exam.exam_id,
            label=tuple(str(first[keyword]) for keyword in self._settings.label if keyword in first),
            opened=exam.first_arrival,
            deadline=exam.first_arrival + timedelta(seconds=seconds),
            counting=from_image,
        )
        self._change(exam.study_instance_uid, lambda _: advice, "an advice is awaited", fresh=advice)

    def _too_late(self, study: str, series: Sequence[Facts]) -> None:
        evidence = [contrast(facts) for facts in series]
        if any(one.given and not one.contradiction for one in evidence):
            reason = "images with contrast are already there"
            self._state(study, AdviceKind.TOO_LATE, reason, Origin.CONTRAST_SEEN)

    def _state(
        self,
        study: str,
        kind: AdviceKind,
        reason: str,
        origin: Origin,
        *,
        cautions: tuple[str, ...] = (),
        task_id: str = "",
    ) -> None:
        now = self._now()

        def stated(one: Advice) -> Advice:
            return rules.state(one, kind, reason, origin, now, cautions=cautions, task_id=task_id)

        if self._change(study, stated, f"{kind.value} ({origin.value}): {reason}"):
            log.info("advice stated", extra={"kind": kind.value, "state": origin.value})

    def _change(
        self, study: str, how: Callable[[Advice], Advice], said: str, fresh: Advice | None = None
    ) -> Advice | None:
        """Change an advice in memory, tell the listeners, have it written; None when nothing has changed."""
        with self._lock:
            before = self._board.get(study)
            if before is None and fresh is None:
                return None
            after = how(before) if before is not None and fresh is None else before or fresh
            if after is None or after == before:
                return None
            self._board[study] = after
            listeners = tuple(self._listeners)
            with self._work:  # within the other, so that changes are written in their order
                self._unwritten.append(_Change(advice=after, said=said, at=self._now()))
                self._work.notify_all()
            self._lock.notify_all()
        for listener in listeners:
            listener(after)
        return after

    def _keep_deadlines(self) -> None:
        while not self._stopping.is_set():
            now = self._now()
            with self._lock:
                late = [study for study, one in self._board.items() if rules.overdue(one, now) != one]
            for study in late:
                if self._change(study, lambda one: rules.overdue(one, now), "ADV_STANDARD (deadline)"):  # noqa: B023 - done at once
                    log.warning("advice stated at its deadline")
            with self._lock:
                waits = [(one.deadline - self._now()).total_seconds() for one in self._board.values() if not one.kind]
                if not self._stopping.is_set():
                    self._lock.wait(max(0.0, min([_LONGEST_NAP_S, *waits])))

    def _write_behind(self) -> None:
        while True:
            with self._work:
                while not self._unwritten and not self._stopping.is_set():
                    self._work.wait()
                if not self._unwritten:
                    return
                change = self._unwritten[0]
            try:
                with self._database.write() as session:
                    index.keep(session, change.advice, change.said, change.at)
                    self.on_kept(session, change.advice)
            except DATABASE_AWAY:
                log.warning("an advice is not written yet, will be tried again")
                if self._stopping.wait(_RETRY_S):
                    return  # shown, and stated again after the start
                continue
            with self._work:
                self._unwritten.popleft()


def _kind(value: Code | str) -> AdviceKind | None:
    """The advice a recommendation's code stands for; "too late" is for the node to say."""
    kinds = {kind.value: kind for kind in AdviceKind if kind is not AdviceKind.TOO_LATE}
    return kinds.get(value.value) if isinstance(value, Code) else None


def _stated(one: Advice) -> datetime:
    assert one.stated is not None
    return one.stated
