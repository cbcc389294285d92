"""Drive the pure decision over one exam after the other, and learn from each as the index does."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from benchmarks.arrivals.exams import Event, Exam, draw
from dicomnode.assemble.completeness import decide, decide_series
from dicomnode.assemble.evidence import examine, protocol
from dicomnode.domain.evidence import (
    Complete,
    Evidence,
    Incomplete,
    Manner,
    ProcedureStep,
    SeriesArrivals,
    SeriesEvidence,
    StepState,
    WaitUntil,
)
from dicomnode.domain.exam import Arrivals
from dicomnode.domain.identity import AETitle, Digest, SeriesInstanceUID, StudyInstanceUID
from dicomnode.domain.instance import InstanceHeader
from dicomnode.index.evidence import COUNTS_OF, MANNER_OF
from dicomnode.settings import CompletenessSettings

SWEEP_S = 0.5
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one exam."""

    exam: Exam
    judged: float
    said: Complete | Incomplete
    express: dict[str, float | None]
    """Seconds from the last release of each regular series to its decision; None when it was not decided alone."""

    @property
    def wait(self) -> float:
        """Seconds from the last image to the judgement."""
        return self.judged - self.exam.last_arrival

    @property
    def premature(self) -> bool:
        """Judged before everything was there."""
        return self.wait < 0

    @property
    def timer_premature(self) -> bool:
        """Whether 60 s without a new image come before the last one."""
        times = sorted(event.at for event in self.exam.events if event.kind == "arrives")
        return any(later - earlier >= 60 and earlier < self.exam.last_arrival for earlier, later in pairwise(times))


@dataclass(slots=True)
class _Series:
    images: dict[str, InstanceHeader] = field(default_factory=dict)
    last: float = 0.0
    released: float | None = None
    seen: SeriesEvidence | None = None
    decided: float | None = None
    """When the express lane took it."""


class Simulation:
    """A node at its default settings, without its network."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._policy = CompletenessSettings()
        self._pauses: defaultdict[str, list[float]] = defaultdict(list)
        self._counts: defaultdict[Digest | None, list[int]] = defaultdict(list)
        self._number = 0

    def next(self) -> Outcome:
        """Send the next exam and judge it."""
        self._number += 1
        exam = draw(self._random, self._number)
        run = _Run(exam, self._policy, self._manner(exam), self._counts)
        outcome = run.outcome()
        self._pauses[exam.sender.name].append(_longest_pause(exam))
        if isinstance(outcome.said, Complete):
            for series in run.series.values():
                if series.seen is not None and series.seen.regular:
                    self._counts[series.seen.protocol].insert(0, len(series.images))
        return outcome

    def _manner(self, exam: Exam) -> Manner:
        pauses = self._pauses[exam.sender.name][-MANNER_OF:]
        return Manner(exams=len(pauses), longest_pause=timedelta(seconds=max(pauses, default=0.0)))


def _longest_pause(exam: Exam) -> float:
    """From a release to the next new series, as `dicomnode.index.intake` measures it."""
    pauses, released, begun = [0.0], None, set()
    for event in exam.events:
        if event.kind == "released":
            released = event.at
        elif event.kind == "arrives" and (uid := event.images[0].series_instance_uid) not in begun:
            begun.add(uid)
            if released is not None:
                pauses.append(event.at - released)
    return max(pauses)


class _Run:
    """One exam on the simulated clock."""

    def __init__(
        self, exam: Exam, policy: CompletenessSettings, manner: Manner, counts: dict[Digest | None, list[int]]
    ) -> None:
        self._exam = exam
        self._policy = policy
        self._manner = manner
        self._counts = counts
        self.series: dict[str, _Series] = {}
        self._steps: tuple[ProcedureStep, ...] = ()
        self._listed: tuple[InstanceHeader, ...] = ()
        self._judged: tuple[float, Complete | Incomplete] | None = None

    def outcome(self) -> Outcome:
        events = [*self._exam.events, Event(at=math.inf, kind="released", images=())]
        for event, following in pairwise(events):
            self._happen(event)
            now: float | None = event.at if event.kind != "arrives" else event.at + SWEEP_S
            while now is not None and now < following.at and self.series:
                now = self._look(now)
        assert self._judged is not None
        return Outcome(exam=self._exam, judged=self._judged[0], said=self._judged[1], express=self._express())

    def _happen(self, event: Event) -> None:
        if event.kind == "step":
            self._listed = event.images
        for image in event.images if event.kind != "step" else ():
            series = self.series.setdefault(image.series_instance_uid, _Series())
            if event.kind == "released":
                series.released = event.at
            else:
                series.last = event.at
                if image.sop_instance_uid not in series.images:
                    series.images[image.sop_instance_uid] = image
                    series.seen = None
        if self._exam.sender.steps:
            state = StepState.COMPLETED if self._listed else StepState.IN_PROGRESS
            when = event.at if event.kind == "step" else self._steps[0].updated.timestamp() - NOON.timestamp()
            self._steps = (ProcedureStep(state=state, updated=_moment(when), missing=self._missing()),)

    def _missing(self) -> dict[SeriesInstanceUID, int]:
        missing: defaultdict[SeriesInstanceUID, int] = defaultdict(int)
        for image in self._listed:
            uid = image.series_instance_uid
            missing[uid] += uid not in self.series or image.sop_instance_uid not in self.series[uid].images
        return dict(missing)

    def _look(self, now: float) -> float | None:
        """Judge as the stability clock does; returns when it looks again if nothing happens."""
        evidence = self._evidence(now)
        again = []
        for found in evidence.series:
            series = self.series[found.arrivals.series_instance_uid]
            decision = decide_series(evidence, found, self._policy, _moment(now))
            if isinstance(decision, Complete) and series.decided is None:
                series.decided = now
            elif isinstance(decision, WaitUntil):
                again.append(decision.until)
                quiet = series.last + self._policy.series_quiet
                if series.seen is None and quiet > now:
                    again.append(_moment(quiet))
        exam_decision = decide(evidence, self._policy, _moment(now))
        if isinstance(exam_decision, WaitUntil):
            again.append(exam_decision.until)
        elif self._judged is None:
            self._judged = now, exam_decision
        if not again:
            return None
        due = (min(again) - NOON).total_seconds()
        return max(now + SWEEP_S, math.ceil(due / SWEEP_S) * SWEEP_S)

    def _evidence(self, now: float) -> Evidence:
        series = self.series.values()
        releases = [one.released for one in series if one.released is not None]
        study = StudyInstanceUID("1")
        arrivals = Arrivals(
            exam_id=1,
            study_instance_uid=study,
            revision=1,
            first_arrival=_moment(min(event.at for event in self._exam.events if event.kind == "arrives")),
            last_arrival=_moment(max(one.last for one in series)),
            last_release=_moment(max(releases)) if releases else None,
            sender=AETitle(self._exam.sender.name),
        )
        found = tuple(self._look_at(uid, one, now) for uid, one in self.series.items())
        return Evidence(arrivals=arrivals, series=found, steps=self._steps, manner=self._manner)

    def _look_at(self, uid: str, series: _Series, now: float) -> SeriesEvidence:
        arrivals = SeriesArrivals(
            series_instance_uid=SeriesInstanceUID(uid),
            label="series",
            instances=len(series.images),
            last_arrival=_moment(series.last),
            released=None if series.released is None else _moment(series.released),
        )
        if not arrivals.is_released and now < series.last + self._policy.series_quiet:
            return SeriesEvidence(arrivals=arrivals)
        if series.seen is None:
            headers = list(series.images.values())
            series.seen = examine(arrivals, headers, self._counts[protocol(headers[0].facts)][:COUNTS_OF])
        return replace(series.seen, arrivals=arrivals)

    def _express(self) -> dict[str, float | None]:
        latencies: dict[str, float | None] = {}
        for uid, series in self.series.items():
            if series.released is None or series.seen is None or not series.seen.regular:
                continue
            done = max(self._exam.first_arrivals[image] for image in series.images)
            releases = (event for event in self._exam.events if event.kind == "released" and event.at >= done)
            release = next(event.at for event in releases if uid in {i.series_instance_uid for i in event.images})
            if series.decided is None:
                latencies[uid] = None
            else:
                latencies[uid] = series.decided - release if series.decided >= done else -1.0
        return latencies


def _moment(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)
