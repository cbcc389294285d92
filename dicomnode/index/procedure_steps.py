"""Performed procedure steps in the index: begun, changed, ended; an end is final."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from dicomnode.domain.evidence import StepReport, StepState
from dicomnode.domain.identity import SeriesInstanceUID, SOPInstanceUID
from dicomnode.errors import DuplicateStep, FinalStep, NoSuchInstance
from dicomnode.index.database import Database
from dicomnode.index.schema import ProcedureStepRow, ProcedureStepStudyRow


def create(database: Database, report: StepReport, now: datetime) -> None:
    """Keep a procedure step that has begun.

    Raises
    ------
    DuplicateStep
        When it is known already; what is known stays.
    """
    try:
        with database.write() as session:
            session.add(
                ProcedureStepRow(
                    sop_instance_uid=report.sop_instance_uid,
                    state=StepState.IN_PROGRESS,
                    images=_json(report.images or {}),
                    calling_aet=report.calling_aet,
                    updated=now,
                )
            )
            session.flush()
            session.add_all(
                ProcedureStepStudyRow(sop_instance_uid=report.sop_instance_uid, study_instance_uid=study)
                for study in report.studies
            )
    except IntegrityError as error:
        raise DuplicateStep("the procedure step exists") from error


def update(database: Database, report: StepReport, now: datetime) -> None:
    """Keep how a procedure step goes on, or that it has ended; what the report does not mention stays.

    Raises
    ------
    NoSuchInstance
        When it never began here.
    FinalStep
        When it has ended (PS3.4 F.7.2.2.2).
    """
    with database.write() as session:
        row = session.get(ProcedureStepRow, report.sop_instance_uid, with_for_update=True)
        if row is None:
            raise NoSuchInstance("no procedure step of this UID")
        if row.state != StepState.IN_PROGRESS:
            raise FinalStep("Performed Procedure Step Object may no longer be updated")
        row.state, row.updated = report.state or StepState.IN_PROGRESS, now
        if report.images is not None:
            row.images = _json(report.images)


def _json(images: Mapping[SeriesInstanceUID, frozenset[SOPInstanceUID]]) -> dict[str, list[str]]:
    return {series: sorted(named) for series, named in images.items()}
