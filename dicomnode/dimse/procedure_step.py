"""Modality Performed Procedure Step (PS3.4 annex F): read what a modality says it does, and has done."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from pydicom.dataset import Dataset

from dicomnode.dicom.header import is_uid
from dicomnode.dimse.normalized import Operation, Request, Service
from dicomnode.domain.evidence import StepReport, StepState
from dicomnode.domain.identity import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from dicomnode.errors import InvalidValue, MissingAttribute

PERFORMED_PROCEDURE_STEP: Final = "1.2.840.10008.3.1.2.3.3"

Take = Callable[[StepReport], None]
"""Keeps a report durably, or raises the RequestError whose status is answered."""


def service(callers: Collection[str], create: Take, update: Take) -> Service:
    """What lets modalities tell us of their procedure steps (N-CREATE, N-SET)."""
    return Service(
        sop_class_uid=PERFORMED_PROCEDURE_STEP,
        handlers={
            Operation.N_CREATE: lambda request: create(read_creation(request)),
            Operation.N_SET: lambda request: update(read_change(request)),
        },
        callers=frozenset(callers),
    )


def read_creation(request: Request) -> StepReport:
    """What an N-CREATE says: a procedure step has begun (PS3.4 Table F.7.2-1).

    Raises
    ------
    MissingAttribute
        When it names no study.
    InvalidValue
        When it does not begin in progress, or an attribute is not what it must be.
    """
    report = _read(request)
    if report.state is not StepState.IN_PROGRESS:
        raise InvalidValue("a procedure step begins IN PROGRESS")
    if not report.studies:
        raise MissingAttribute("Study Instance UID in the Scheduled Step Attributes")
    return report


def read_change(request: Request) -> StepReport:
    """What an N-SET says: how a procedure step goes on, or ended.

    Raises
    ------
    InvalidValue
        When an attribute is not what it must be.
    """
    return _read(request)


def _read(request: Request) -> StepReport:
    data_set = request.data_set
    images: dict[SeriesInstanceUID, frozenset[SOPInstanceUID]] | None = None
    if "PerformedSeriesSequence" in data_set:
        images = {
            SeriesInstanceUID(_uid(series, "SeriesInstanceUID")): frozenset(
                SOPInstanceUID(_uid(image, "ReferencedSOPInstanceUID"))
                for image in _items(series, "ReferencedImageSequence")
            )
            for series in _items(data_set, "PerformedSeriesSequence")
        }
    return StepReport(
        sop_instance_uid=SOPInstanceUID(request.sop_instance_uid),
        state=_state(data_set),
        studies=frozenset(
            StudyInstanceUID(_uid(step, "StudyInstanceUID"))
            for step in _items(data_set, "ScheduledStepAttributesSequence")
        ),
        images=images,
        calling_aet=request.calling_aet,
    )


def _state(data_set: Dataset) -> StepState | None:
    if "PerformedProcedureStepStatus" not in data_set:
        return None
    try:
        return StepState(str(data_set.PerformedProcedureStepStatus))
    except ValueError as error:
        raise InvalidValue("Performed Procedure Step Status") from error


def _items(data_set: Dataset, keyword: str) -> list[Dataset]:
    items = list(data_set.get(keyword) or ())
    if not all(isinstance(item, Dataset) for item in items):
        raise InvalidValue(f"{keyword} is no sequence")
    return items


def _uid(data_set: Dataset, keyword: str) -> str:
    uid = str(data_set.get(keyword) or "")
    if not is_uid(uid):
        raise InvalidValue(f"{keyword} is missing or not a UID")
    return uid
