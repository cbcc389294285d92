"""The duty that looks whether models still work as they did when they were taken into use, and raises alarms.

It works on what the ledger holds, so nothing is lost by a crash: what was not watched is watched next time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dicomnode.domain.decision import Alarm, AlarmKind, Freeze, Model
from dicomnode.index import alarms, ledger, references
from dicomnode.index.database import Database, Transaction
from dicomnode.monitor import drift, outcomes, silence
from dicomnode.settings import MonitorSettings

log = logging.getLogger(__name__)

_BEFORE = 150
"""Decisions already watched that the moving averages start from: what is older weighs nothing."""
_AT_ONCE = 1000
"""Decisions of a model watched in one round."""
_REMEMBERED = timedelta(days=90)
"""Of the arrivals along a stream; a stream that was silent for longer is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Holds decisions against their model's reference, and streams against their own manner."""

    settings: MonitorSettings
    database: Database
    now: Callable[[], datetime]

    def look(self) -> None:
        """Watch every model's new decisions; called every few seconds."""
        with self.database.read() as session:
            models = ledger.models(session)
        for by in models:
            while self._look(by):
                pass

    def _look(self, by: Model) -> bool:
        """Watch some decisions of one model; whether there may be more."""
        with self.database.read() as session:
            kept = references.read(session, by)
            if not kept.content:
                first = ledger.of(session, by, after=kept.last, limit=self.settings.reference, speaking=True)
            else:
                start = max(kept.last, alarms.settled(session, by))
                new = ledger.of(session, by, after=max(start, kept.watched), limit=_AT_ONCE, speaking=True)
                old = ledger.before(session, by, kept.watched, _BEFORE) if kept.watched > start else []
        if not kept.content:
            if len(first) < self.settings.reference:
                return False
            content = drift.reference(first).to_json()
            with self.database.write() as session:
                references.write(session, by, content, first[-1].number, self.now())
            log.info("reference frozen", extra={"plugin": by.plugin, "count": len(first)})
            return True
        if not new:
            return False
        entries = [entry for entry in (*old, *new) if entry.number > start]
        noticed = drift.watch(drift.Reference.from_json(kept.content), entries)
        with self.database.write() as session:
            for one in noticed:
                if not alarms.is_open(session, by, one.alarm.kind):
                    self._raise(session, one.alarm, one.number)
            references.watched(session, by, new[-1].number)
        return len(new) == _AT_ONCE

    def listen(self) -> None:
        """Look whether a stream of exams has stopped; called every few minutes."""
        now = self.now()
        with self.database.write() as session:
            for stream, moments in references.arrivals(session, now - _REMEMBERED).items():
                quiet = silence.silence(moments, now)
                if quiet is None:
                    continue
                hours, limit = quiet.silent / timedelta(hours=1), quiet.limit / timedelta(hours=1)
                text = (
                    f"nothing came for {hours:.0f} hours, since {quiet.since:%Y-%m-%d %H:%M} UTC; "
                    f"until then never for more than {limit / silence.PATIENCE:.0f}"
                )
                alarm = Alarm(
                    kind=AlarmKind.QUIET, by=Model(plugin=""), subject=str(stream), text=text, value=hours, limit=limit
                )
                self._raise(session, alarm, 0)

    def judge(self, session: Transaction, plugin: str) -> None:
        """Hold what outcomes say of a plugin's models against the sensitivity they must have, in a transaction."""
        known = ledger.outcomes(session, plugin)
        for by in ledger.models(session):
            if by.plugin != plugin:
                continue
            found = outcomes.performance(ledger.of(session, by), known)
            sensitivity, floor = found.sensitivity, self.settings.sensitivity
            if sensitivity is None or sensitivity.high >= floor:
                continue
            text = (
                f"{found.found} of {found.found + found.missed} were found: sensitivity {sensitivity.share:.3f} "
                f"({sensitivity.low:.3f}-{sensitivity.high:.3f}), at least {floor:.3f} is required"
            )
            alarm = Alarm(
                kind=AlarmKind.OUTCOME,
                by=by,
                subject="sensitivity",
                text=text,
                value=sensitivity.share,
                limit=floor,
            )
            if not alarms.is_open(session, by, AlarmKind.OUTCOME):
                self._raise(session, alarm, ledger.last(session))

    def _raise(self, session: Transaction, alarm: Alarm, at_entry: int) -> None:
        if not alarms.raise_(session, alarm, self.now(), at_entry):
            return
        log.warning("alarm", extra={"kind": alarm.kind.value, "plugin": alarm.by.plugin})
        if alarm.kind.value in self.settings.freeze_on:
            by = f"{alarm.kind} alarm"
            freeze = Freeze(plugin=alarm.by.plugin, model=alarm.by.model, by=by, reason=alarm.text)
            alarms.freeze(session, freeze, self.now())
