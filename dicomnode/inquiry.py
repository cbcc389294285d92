"""Ask the archive that exams come from how many instances it holds of each series."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from dicomnode.dimse.query import Limits, find
from dicomnode.domain.exam import Arrivals
from dicomnode.domain.identity import SeriesInstanceUID, StudyInstanceUID
from dicomnode.errors import LimitExceeded, Refused, Unreachable
from dicomnode.index import evidence, exams
from dicomnode.index.database import Database
from dicomnode.settings import DicomSettings, PeerSettings

log = logging.getLogger(__name__)

_LIMITS: Final = Limits(number=2000, seconds=10, bytes=16 << 20)


class SourceInquiry:
    """Asks once for everything that has newly arrived; an archive that does not answer costs no exam any time.

    Parameters
    ----------
    peer : PeerSettings
        Who is asked, by C-FIND.
    local : DicomSettings
        Who asks.
    quiet : float
        Seconds without a new instance after which a sender that has not released is asked about, too.
    answered : callable
        Called when something new is known.
    """

    def __init__(
        self,
        database: Database,
        peer: PeerSettings,
        local: DicomSettings,
        quiet: float,
        now: Callable[[], datetime],
        answered: Callable[[], None],
    ) -> None:
        self._database = database
        self._peer = peer
        self._local = local
        self._quiet = timedelta(seconds=quiet)
        self._now = now
        self._answered = answered
        self._asked: dict[int, datetime] = {}

    def ask(self) -> None:
        """Ask about every open exam that has something new and does not just grow."""
        with self._database.read() as session:
            waiting = exams.open_exams(session)
        self._asked = {one.exam_id: self._asked[one.exam_id] for one in waiting if one.exam_id in self._asked}
        for arrivals in waiting:
            if self._asked.get(arrivals.exam_id) != arrivals.last_arrival and self._rests(arrivals):
                self._asked[arrivals.exam_id] = arrivals.last_arrival
                self._ask(arrivals.study_instance_uid)

    def _rests(self, arrivals: Arrivals) -> bool:
        released = arrivals.last_release is not None and arrivals.last_release >= arrivals.last_arrival
        return released or self._now() >= arrivals.last_arrival + self._quiet

    def _ask(self, study: StudyInstanceUID) -> None:
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": "", "NumberOfSeriesRelatedInstances": ""}
        try:
            found = list(find(self._peer, self._local, "SERIES", keys, _LIMITS))
        except (Unreachable, Refused, LimitExceeded) as error:
            log.warning("%s was not asked for its counts: %s", self._peer.name, type(error).__name__)
            return
        counts = {
            SeriesInstanceUID(match["SeriesInstanceUID"]): int(match["NumberOfSeriesRelatedInstances"])
            for match in found
            if match.get("NumberOfSeriesRelatedInstances", "").isdecimal() and "SeriesInstanceUID" in match
        }
        with self._database.write() as session:
            evidence.note_source(session, study, self._peer.name, counts, self._now())
        self._answered()
