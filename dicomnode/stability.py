"""The stability clock: asks of every open exam whether it is complete, and plans the express lane before it is.

Everything it decides by is in the index. What it keeps in memory only saves looking twice, and is gone at a restart.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from dicomnode.assemble import assess, completeness
from dicomnode.assemble.evidence import examine, protocol
from dicomnode.domain.evidence import (
    Complete,
    Confidence,
    Evidence,
    Incomplete,
    SeriesArrivals,
    SeriesEvidence,
    WaitUntil,
)
from dicomnode.domain.exam import Arrivals
from dicomnode.domain.identity import SeriesInstanceUID
from dicomnode.index import evidence, exams, facts
from dicomnode.pipeline import Parts, Pipeline
from dicomnode.sdk.facts import FactValue

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class _Memory:
    """What was seen of an open exam, so that it is not looked at twice."""

    arrivals: Arrivals | None = None
    until: datetime | None = None
    """Nothing is to be seen of it before, if nothing happens."""
    examined: dict[SeriesInstanceUID, SeriesEvidence] = field(default_factory=dict)
    foreseen: list[SeriesArrivals] = field(default_factory=list)
    """The complete series that the express lane was last planned with."""
    told: dict[str, FactValue] = field(default_factory=dict)
    """What the site had told of the patient then."""
    said: str = ""


class StabilityClock:
    """What is complete by now? Looked at about twice a second, and at once when something has happened."""

    def __init__(self, parts: Parts, pipeline: Pipeline) -> None:
        self._parts = parts
        self._pipeline = pipeline
        self._policy = parts.settings.completeness
        self._quiet = timedelta(seconds=self._policy.series_quiet)
        plugins = parts.plugins.values()
        self._express = [(one.spec, one.parameters) for one in plugins if one.spec.resources.lane == "express"]
        self.wake = threading.Event()
        """Set at a release: an exam may be complete before its time."""
        self._told = threading.Event()
        self._memory: dict[int, _Memory] = {}

    def tell(self) -> None:
        """Have every open exam judged: somebody has stated what may be about any of them."""
        self._told.set()
        self.wake.set()

    def look(self) -> None:
        """Judge every exam that is due, those just released first, and submit the assessment of what is complete."""
        self.wake.clear()
        told = self._told.is_set()
        self._told.clear()
        with self._parts.database.read() as session:
            waiting = exams.open_exams(session)
        self._memory = {one.exam_id: self._memory.get(one.exam_id) or _Memory() for one in waiting}
        for arrivals in sorted(waiting, key=_still_comes):
            now, memory = self._parts.now(), self._memory[arrivals.exam_id]
            if told or arrivals != memory.arrivals or memory.until is None or now >= memory.until:
                memory.until = self._judge(arrivals, memory, now)
                memory.arrivals = arrivals

    def _judge(self, arrivals: Arrivals, memory: _Memory, now: datetime) -> datetime:
        """Do what is due for an exam; returns when to ask again if nothing happens."""
        found, again = self._gather(arrivals), list[datetime]()
        decision = completeness.decide(found, self._policy, now)
        if self._express or not isinstance(decision, WaitUntil):
            found = replace(found, series=tuple(self._examine(arrivals, one, memory, now) for one in found.series))
            decision = completeness.decide(found, self._policy, now)  # what images say can only call for patience
            again = self._express_lane(found, memory, now)
        if isinstance(decision, WaitUntil):
            self._say(arrivals, decision, memory)
            return min([decision.until, *again])
        self._close(found, decision)
        return now

    def _gather(self, arrivals: Arrivals) -> Evidence:
        """All that the index knows without a look at the images."""
        study = arrivals.study_instance_uid
        with self._parts.database.read() as session:
            arrived = evidence.series(session, study)
            return Evidence(
                arrivals=arrivals,
                series=tuple(SeriesEvidence(arrivals=one) for one in arrived),
                steps=evidence.steps(session, study),
                source=evidence.source(session, study, arrived),
                manner=evidence.manner(session, arrivals.sender),
            )

    def _examine(self, arrivals: Arrivals, series: SeriesEvidence, memory: _Memory, now: datetime) -> SeriesEvidence:
        """The series with what its images say, once they are not just coming in."""
        seen = series.arrivals
        if not seen.is_released and now < seen.last_arrival + self._quiet:
            return series
        uid = seen.series_instance_uid
        known = memory.examined.get(uid)
        if known is not None and replace(known.arrivals, released=seen.released) == seen:
            return replace(known, arrivals=seen)
        memory.examined[uid] = series  # should the look at it fail, silence alone decides
        with self._parts.database.read() as session:
            headers = [one.header for one in exams.instances(session, arrivals.study_instance_uid, (uid,))]
            counts = evidence.learned(session, protocol(headers[0].facts), besides=uid)
        memory.examined[uid] = examine(seen, headers, counts)
        return memory.examined[uid]

    def _express_lane(self, found: Evidence, memory: _Memory, now: datetime) -> list[datetime]:
        """Plan what complete series suffice for; returns when others of them may be complete."""
        complete: list[SeriesArrivals] = []
        again: list[datetime] = []
        for series in found.series:
            decision = completeness.decide_series(found, series, self._policy, now)
            if isinstance(decision, Complete):
                complete.append(series.arrivals)
            elif isinstance(decision, WaitUntil):
                again.append(min(decision.until, max(now, series.arrivals.last_arrival + self._quiet)))
        if self._express and complete:
            with self._parts.database.read() as session:
                told = facts.known(session, found.arrivals.study_instance_uid)
            if (memory.foreseen, memory.told) != (complete, told):
                memory.foreseen, memory.told = complete, told
                self._foresee(found.arrivals, complete)
        return again

    def _foresee(self, arrivals: Arrivals, complete: list[SeriesArrivals]) -> None:
        """Match the express plugins with the complete series of an exam that stays open."""
        uids = [series.series_instance_uid for series in complete]
        with self._parts.database.read() as session:
            instances = exams.instances(session, arrivals.study_instance_uid, uids)
            known = self._pipeline.known(session, arrivals.study_instance_uid, instances)
        tasks = assess.assess(instances, self._express, self._parts.settings.roles, facts=known).tasks
        if not tasks:
            return
        with self._parts.database.write() as session:
            is_due = exams.still_open(session, arrivals.exam_id, complete)
            awaited = self._pipeline.plan(session, arrivals.exam_id, tasks, whole=False) if is_due else []
        for task in awaited:
            self._pipeline.direct.begin(*task)
        if is_due:
            last = max(series.last_arrival for series in complete)
            self._parts.advice.planned(arrivals.study_instance_uid, tasks, last)

    def _say(self, arrivals: Arrivals, decision: WaitUntil, memory: _Memory) -> None:
        if decision.reason != memory.said:
            with self._parts.database.write() as session:
                exams.note_decision(session, arrivals.exam_id, f"waits: {decision.reason}")
            memory.said = decision.reason

    def _close(self, found: Evidence, decision: Complete | Incomplete) -> None:
        """Take an exam for assessment, unless something has arrived meanwhile."""
        exam_id = found.arrivals.exam_id
        confidence = decision.confidence if isinstance(decision, Complete) else Confidence.DOUBTED
        said = f"complete: {decision.reason}" if isinstance(decision, Complete) else f"incomplete: {decision.because}"
        with self._parts.database.write() as session:
            if not exams.claim(session, found.arrivals):
                return
            if isinstance(decision, Incomplete):  # before anything can be planned with what is here
                self._parts.advice.incomplete(found.arrivals.study_instance_uid, decision.because)
            exams.note_decision(session, exam_id, f"{said} ({confidence})", confidence)
            if isinstance(decision, Complete):
                evidence.learn(session, [series for series in found.series if series.regular])
            self._pipeline.submit_assessment(session, exam_id)
        log.info("exam closed", extra={"exam": exam_id, "state": confidence.value})


def _still_comes(arrivals: Arrivals) -> bool:
    """Whether images have come since its sender last released an association."""
    return arrivals.last_release is None or arrivals.last_release < arrivals.last_arrival
