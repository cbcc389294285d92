"""The durable workflow of priors: fetch what an exam is compared with, then have the exam assessed again.

It never blocks an exam longer than its limit: what is not here by then is said to be missing, and the exam goes on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomnode.assemble import priors as rules
from dicomnode.assemble.fetch import Archive, Budget, Here, fetch, offered
from dicomnode.catalog.plugins import Enabled
from dicomnode.domain.identity import SOPInstanceUID, StudyInstanceUID
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import DicomnodeError, LimitExceeded
from dicomnode.index import exams, priors
from dicomnode.index.database import Database, Transaction
from dicomnode.index.priors import Fetched, PriorState
from dicomnode.sdk.spec import Prior
from dicomnode.settings import PeerSettings, Settings

log = logging.getLogger(__name__)

_GRACE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorMeans:
    """What the search for priors works with; made by the composition root."""

    settings: Settings
    database: Database
    submitter: Submitter
    archive: Archive
    plugins: Sequence[Enabled]
    now: Callable[[], datetime]


class Prefetch:
    """From an exam that is to be compared to priors in the index, or a word why there are none."""

    def __init__(self, means: PriorMeans) -> None:
        self._means = means
        self._peers = [peer for peer in means.settings.peers if peer.query_priors]
        self._rule = rules.wanted([plugin.spec for plugin in means.plugins])

    def pending(self, session: Transaction, study: StudyInstanceUID) -> str:
        """Why plugins that compare have to wait: priors may still come; empty when they will not."""
        if self._rule is None or not self._peers:
            return ""
        if priors.state(session, study) not in (None, PriorState.UNDERWAY):
            return ""
        names = ", ".join(peer.name for peer in self._peers)
        return f"waits for priors from {names}, at most {self._means.settings.priors.seconds:g} s"

    def begin(self, session: Transaction, study: StudyInstanceUID) -> None:
        """Submit the search, once for a study, in the caller's transaction."""
        if priors.state(session, study) is None:
            priors.begin_search(session, study, self._means.now())
            self._means.submitter.submit(session, "prefetch", _id(study), study)

    def run(self, study: str) -> None:
        """Search and fetch; whatever happens, the search ends with a reason and the exam goes on."""
        uid = StudyInstanceUID(study)
        try:
            result = self._search(uid)
        except DicomnodeError as error:
            result = Fetched(state=PriorState.FAILED, reason=str(error))
        self._end(uid, result)

    def end_overdue(self) -> None:
        """End searches that outlast their limit, whatever holds them up; called about once a second."""
        limit = timedelta(seconds=self._means.settings.priors.seconds + _GRACE_S)
        with self._means.database.read() as session:
            late = priors.underway(session, self._means.now() - limit)
        for study in late:
            reason = f"not here within {self._means.settings.priors.seconds:g} s; the exam goes on without them"
            self._end(study, Fetched(state=PriorState.FAILED, reason=reason))

    def _end(self, study: StudyInstanceUID, result: Fetched) -> None:
        means = self._means
        with means.database.write() as session:
            exam_id = priors.end_search(session, study, result, means.now())
            if exam_id is not None:
                means.submitter.submit(session, "assess", assess_again_id(exam_id), exam_id)
        log.info("priors searched", extra={"state": result.state.value, "count": result.instances})

    def _search(self, study: StudyInstanceUID) -> Fetched:
        """Ask each peer, newest studies first, until the budget is spent."""
        policy = self._means.settings.priors
        with self._means.database.read() as session:
            headers = [instance.header for instance in exams.instances(session, study)]
        if self._rule is None or not headers:
            return Fetched(state=PriorState.NONE, reason="nothing is compared")
        exam = rules.current(headers)
        if not exam.patient.patient_id or not exam.study_date:
            return Fetched(state=PriorState.NONE, reason="without patient ID and study date nothing is compared")
        budget = Budget(
            instances=policy.instances,
            bytes=policy.bytes,
            deadline=time.monotonic() + policy.seconds,
            clock=time.monotonic,
        )
        results = [result for peer in self._peers for result in self._ask(peer, exam, self._rule, budget)]
        return _sum(results)

    def _ask(self, peer: PeerSettings, exam: rules.Current, rule: Prior, budget: Budget) -> list[Fetched]:
        try:
            studies = offered(exam, rule, peer, self._means.archive, budget)[: self._means.settings.priors.studies]
        except DicomnodeError as error:
            return [self._noted(exam, StudyInstanceUID(""), peer, Fetched(state=PriorState.FAILED, reason=str(error)))]
        if not studies:
            nothing = Fetched(state=PriorState.NONE, reason=f"{peer.name} holds no earlier study that fits")
            return [self._noted(exam, StudyInstanceUID(""), peer, nothing)]
        return [self._fetch(study, exam, rule, peer, budget) for study in studies]

    def _fetch(
        self, study: StudyInstanceUID, exam: rules.Current, rule: Prior, peer: PeerSettings, budget: Budget
    ) -> Fetched:
        means = self._means
        with means.database.write() as session:
            row = priors.begin(session, exam.study_instance_uid, study, peer.name)
        try:
            series, came, missing = fetch(study, exam, rule, peer, means.archive, self._here(), budget)
        except LimitExceeded as error:
            result = Fetched(state=PriorState.FAILED, reason=f"broken off: {error}")
        except DicomnodeError as error:
            result = Fetched(state=PriorState.FAILED, reason=str(error))
        else:
            result = _told(series, came, missing)
        with means.database.write() as session:
            priors.end(session, row, result)
        return result

    def _noted(self, exam: rules.Current, study: StudyInstanceUID, peer: PeerSettings, result: Fetched) -> Fetched:
        with self._means.database.write() as session:
            priors.end(session, priors.begin(session, exam.study_instance_uid, study, peer.name), result)
        return result

    def _here(self) -> Here:
        def known(uids: Collection[str]) -> set[SOPInstanceUID]:
            with self._means.database.read() as session:
                return priors.known(session, uids)

        def size(study: StudyInstanceUID) -> int:
            with self._means.database.read() as session:
                return priors.size(session, study)

        return Here(known=known, size=size)


def _told(series: int, came: int, missing: int) -> Fetched:
    if not series:
        return Fetched(state=PriorState.NONE, reason="no series of it fits")
    if missing:
        return Fetched(state=PriorState.FAILED, reason=f"{missing} instances did not come, {came} did", instances=came)
    return Fetched(state=PriorState.FETCHED, reason=f"{came} instances" if came else "all here before", instances=came)


def _sum(results: Sequence[Fetched]) -> Fetched:
    """What the whole search came to: the worst of it, with every reason once."""
    states = [result.state for result in results]
    worst = next((s for s in (PriorState.FAILED, PriorState.FETCHED) if s in states), PriorState.NONE)
    reasons = "; ".join(dict.fromkeys(result.reason for result in results))
    return Fetched(state=worst, reason=reasons, instances=sum(result.instances for result in results))


def assess_again_id(exam_id: int) -> str:
    """Id of the assessment of an exam after its priors were searched."""
    return f"assess-{exam_id}-compared"


def _id(study: StudyInstanceUID) -> str:
    return f"prefetch-{study}"
