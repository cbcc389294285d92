"""What a site tells of its patients: kept, and exams of these patients looked at again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from dicomnode.advice_settings import Hl7Settings
from dicomnode.domain.patient_facts import Told
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import NotUnderstood, SettingsError
from dicomnode.hl7v2 import reading
from dicomnode.index import facts
from dicomnode.index.database import Database
from dicomnode.sdk.facts import checked

log = logging.getLogger(__name__)

_LOOKED_AT_AGAIN = timedelta(hours=4)
"""An exam whose last image is older is over, whatever becomes known of its patient."""


class Feed:
    """Takes facts, from any thread; what was taken is durable when the call returns."""

    def __init__(
        self,
        settings: Hl7Settings,
        database: Database,
        submitter: Submitter,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        """Make the feed.

        Parameters
        ----------
        wake
            Has open exams looked at.

        Raises
        ------
        SettingsError
            When an order would mean a fact that does not exist.
        """
        for code, said in settings.services.items():
            for name, value in said.items():
                _checked(f"hl7.services.{code}", name, value)
        self._services: Mapping[str, Mapping[str, float | str]] = settings.services
        self._database, self._submitter, self._now, self._wake = database, submitter, now, wake

    def hear(self, message: reading.Message) -> None:
        """Take an HL7 message.

        Raises
        ------
        NotUnderstood
            When it is about nobody, or says what no fact can say.
        """
        try:
            told = [_sound(one) for one in reading.facts(message, self._services)]
        except ValueError as error:
            raise NotUnderstood(str(error)) from error
        self.take(told)

    def take(self, told: Sequence[Told]) -> None:
        """Keep facts; exams that were judged without them are judged again."""
        now = self._now()
        with self._database.write() as session:
            stale = facts.tell(session, told, now, now - _LOOKED_AT_AGAIN)
            for exam_id in stale:
                self._submitter.submit(session, "assess", f"assess-{exam_id}-told-{now.timestamp():.6f}", exam_id)
        if told:
            log.info("facts told", extra={"count": len(told)})
            self._wake()


def _sound(one: Told) -> Told:
    checked(one.name, one.value)
    return one


def _checked(where: str, name: str, value: float | str) -> None:
    try:
        checked(name, value)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error
