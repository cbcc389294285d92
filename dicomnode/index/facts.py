"""What a site has told of its patients, and what of it is about one study."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select

from dicomnode.domain.patient_facts import Told
from dicomnode.index.database import Transaction
from dicomnode.index.schema import PatientRow, StudyRow
from dicomnode.index.schema_advice import PatientFactRow

_KEPT = timedelta(days=90)
"""A fact of a patient who never came is forgotten after that."""


def tell(session: Transaction, told: Iterable[Told], now: datetime) -> int:
    """Keep facts; returns how many."""
    session.execute(delete(PatientFactRow).where(PatientFactRow.received < now - _KEPT))
    rows = [
        PatientFactRow(
            patient_id=one.patient_id,
            issuer=one.issuer,
            accession_number=one.accession_number,
            name=one.name,
            value=one.value,
            source=one.source,
            observed=one.observed,
            received=now,
        )
        for one in told
    ]
    session.add_all(rows)
    return len(rows)


def known(session: Transaction, study: str) -> dict[str, float | str]:
    """What is told of a study's patient and its order: of each name the latest observation.

    Patient ID must be the same, and the issuer where both sides name one; a fact of an order counts for the study of
    its Accession Number only.
    """
    found = session.execute(
        select(PatientRow.patient_id, PatientRow.issuer, StudyRow.accession_number)
        .join(StudyRow, StudyRow.patient == PatientRow.id)
        .where(StudyRow.study_instance_uid == study)
    ).first()
    if found is None or not found[0]:
        return {}
    patient_id, issuer, accession = found
    rows = session.scalars(
        select(PatientFactRow).where(
            PatientFactRow.patient_id == patient_id,
            or_(PatientFactRow.accession_number == "", PatientFactRow.accession_number == accession),
        )
    ).all()
    fitting = [row for row in rows if not (row.issuer and issuer) or row.issuer == issuer]
    fitting.sort(key=lambda row: (row.observed or row.received, row.id))
    return {row.name: row.value for row in fitting}
