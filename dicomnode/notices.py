"""Tells other systems of an advice, durably and again until they take it: by webhook, HL7 or work item."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pydicom import Dataset

from dicomnode.advice_settings import NoticeSettings
from dicomnode.deliver.patience import next_wait
from dicomnode.dicomweb import webhook
from dicomnode.domain.advice import Advice, AdviceKind
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.encode import ups
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import DeliveryError, Refused
from dicomnode.hl7v2 import mllp
from dicomnode.hl7v2.writing import Subject, oru
from dicomnode.index import advice as index
from dicomnode.index.database import Database, Transaction
from dicomnode.sdk import codes
from dicomnode.settings import Settings

log = logging.getLogger(__name__)

WORKFLOW = "notify"
_GIVE_UP = timedelta(hours=12)
"""By then nobody acts on it any more; the report in the PACS remains."""
_WORDS = {
    code.value: code.meaning
    for code in (
        codes.CONTRAST_MAY_BE_OMITTED,
        codes.CONTRAST_RECOMMENDED,
        codes.STANDARD_PROTOCOL,
        codes.NO_CONTRAST_WITHOUT_RADIOLOGIST,
    )
} | {"ADV_TOO_LATE": "Too late to advise on contrast"}


_DUTIES = {
    AdviceKind.MAY_BE_OMITTED: "Contrast may be omitted: end without gadolinium",
    AdviceKind.RECOMMENDED: "Contrast recommended: administer gadolinium",
    AdviceKind.STANDARD_PROTOCOL: "Continue with the protocol as ordered",
    AdviceKind.RADIOLOGIST: "No contrast without the radiologist: ask first",
    AdviceKind.TOO_LATE: "Contrast was there before the advice: nothing to do",
}
"""What a work item asks for."""


class Notices:
    """Every stated advice goes to every receiver; what cannot be told is an event of the study."""

    def __init__(
        self, settings: Settings, database: Database, submitter: Submitter, now: Callable[[], datetime]
    ) -> None:
        self._settings, self._database, self._submitter, self._now = settings, database, submitter, now
        self._receivers: Mapping[str, NoticeSettings] = {one.name: one for one in settings.notices}

    def begin(self, session: Transaction, advice: Advice) -> None:
        """Have a stated advice told to everyone, in the transaction that keeps it."""
        if advice.kind is None or advice.stated is None or advice.acknowledged is not None:
            return
        for name, receiver in self._receivers.items():
            if not receiver.advice or advice.kind.value in receiver.advice:
                self._submit(session, advice, name, 1, 0.0)

    def tell(self, study: str, receiver: str, attempt: int) -> None:
        """Tell one receiver what is advised by now; again later, when it cannot take it."""
        with self._database.read() as session:
            found = index.notice(session, StudyInstanceUID(study))
        to = self._receivers.get(receiver)
        if found is None or to is None or (to.advice and found[0].kind not in to.advice):
            return
        advice, subject = found[0], Subject(patient_id=found[1], issuer=found[2], accession_number=found[3])
        try:
            self._send(to, advice, subject)
        except DeliveryError as error:
            log.warning("an advice was not told", extra={"peer": receiver, "problem": str(error), "attempt": attempt})
            with self._database.write() as session:
                self._put_off(session, advice, receiver, attempt, error)
            return
        with self._database.write() as session:
            index.note(session, advice, f"told {receiver}", self._now())

    def _send(self, to: NoticeSettings, advice: Advice, subject: Subject) -> None:
        words = _WORDS[advice.kind.value] if advice.kind else ""
        if to.hl7_host:
            if to.hl7_host not in self._settings.advice.notice_hosts:
                raise Refused(f"host {to.hl7_host!r} is not among those notices may go to")
            mllp.send(to.hl7_host, to.hl7_port, oru(advice, subject, words, self._now()))
            return
        allowed, authorization = self._settings.advice.notice_hosts, to.authorization.get_secret_value()
        if to.workitems:
            data_set = _workitem(advice, subject).to_json_dict()
            webhook.create_workitem(to.workitems, data_set, allowed, authorization)
            return
        said = {
            "accession_number": subject.accession_number,
            "advice": advice.kind,
            "words": words,
            "reason": advice.reason,
            "cautions": list(advice.cautions),
            "stated": advice.stated.isoformat() if advice.stated else None,
            "not_for_diagnostic_use": True,
        }
        webhook.post(to.url, said, allowed, authorization)

    def _put_off(self, session: Transaction, advice: Advice, receiver: str, attempt: int, error: DeliveryError) -> None:
        now = self._now()
        if isinstance(error, Refused) or advice.stated is None or now - advice.stated > _GIVE_UP:
            index.note(session, advice, f"not told {receiver}: {error}", now)
            return
        self._submit(session, advice, receiver, attempt + 1, next_wait(attempt, self._settings.delivery))

    def _submit(self, session: Transaction, advice: Advice, receiver: str, attempt: int, delay_s: float) -> None:
        assert advice.stated is not None
        key = f"{WORKFLOW}-{receiver}-{advice.exam_id}-{advice.stated.timestamp():.6f}-{attempt}"
        study = advice.study_instance_uid
        self._submitter.submit(session, WORKFLOW, key, study, receiver, attempt, delay_s=delay_s)


def _workitem(advice: Advice, subject: Subject) -> Dataset:
    assert advice.kind is not None
    assert advice.stated is not None
    lines = [advice.reason, *advice.cautions, "Research: not for diagnostic use. It is advice; a person decides."]
    return ups.workitem(
        study=advice.study_instance_uid,
        patient_id=subject.patient_id,
        issuer=subject.issuer,
        accession_number=subject.accession_number,
        what=codes.Code(advice.kind.value, codes.PRIVATE_SCHEME, _DUTIES[advice.kind]),
        comment="\r\n".join(lines),
        begins=advice.stated,
    )
