"""A modality tells of its procedure steps over both transports: what it says is kept, what is wrong has its status."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from dicomnode.dimse.procedure_step import PERFORMED_PROCEDURE_STEP, service
from dicomnode.dimse.scp import StorageSCP
from dicomnode.domain.evidence import ProcedureStep, StepState
from dicomnode.domain.identity import SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import OutOfResources
from dicomnode.index import evidence, procedure_steps
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.settings import DicomSettings, LimitsSettings
from tests.datasets import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from tests.values import SERIES, STUDY, at, instance

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STEP = "1.2.9"


@contextmanager
def modality(port: int, aet: str = "SCANNER") -> Iterator[Association]:
    ae = AE(aet)
    ae.add_requested_context(PERFORMED_PROCEDURE_STEP, [IMPLICIT_LITTLE, EXPLICIT_LITTLE])
    association = ae.associate("127.0.0.1", port, ae_title="DICOMNODE")
    assert association.is_established
    try:
        yield association
    finally:
        association.release()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture(params=["event", "stock"])
def port(request: pytest.FixtureRequest, database: Database) -> Iterator[int]:
    transport: Literal["event", "stock"] = request.param

    def admit(_: Received) -> SeriesInstanceUID:
        raise OutOfResources("nothing is taken here")

    steps = service(
        {"SCANNER"},
        lambda report: procedure_steps.create(database, report, NOW),
        lambda report: procedure_steps.update(database, report, NOW),
    )
    settings = DicomSettings(host="127.0.0.1", port=0, transport=transport, network_timeout=60)
    scp = StorageSCP(settings, [], admit, lambda *_: None, LimitsSettings(), [steps])
    scp.start()
    yield scp.port
    scp.stop()


def begun(status: str = "IN PROGRESS", study: str = STUDY) -> Dataset:
    scheduled, content = Dataset(), Dataset()
    scheduled.StudyInstanceUID = study
    content.ScheduledStepAttributesSequence = [scheduled]
    content.PerformedProcedureStepStatus = status
    content.PerformedSeriesSequence = []
    return content


def ended(status: str, *images: str) -> Dataset:
    series, content = Dataset(), Dataset()
    series.SeriesInstanceUID = SERIES
    series.ReferencedImageSequence = []
    for uid in images:
        image = Dataset()
        image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", uid
        series.ReferencedImageSequence.append(image)
    content.PerformedProcedureStepStatus = status
    content.PerformedSeriesSequence = [series]
    return content


def create(association: Association, content: Dataset, uid: str = STEP) -> int:
    return int(association.send_n_create(content, PERFORMED_PROCEDURE_STEP, uid)[0].Status)


def change(association: Association, content: Dataset, uid: str = STEP) -> int:
    return int(association.send_n_set(content, PERFORMED_PROCEDURE_STEP, uid)[0].Status)


def known(database: Database) -> tuple[ProcedureStep, ...]:
    with database.read() as session:
        return evidence.steps(session, STUDY)


@pytest.mark.parametrize("end", ["COMPLETED", "DISCONTINUED"])
def test_a_step_begins_goes_on_and_ends_with_its_images(port: int, database: Database, end: str) -> None:
    Intake(database).record(instance("1.1"), at(0))
    with modality(port) as association:
        assert create(association, begun()) == 0
        assert known(database) == (ProcedureStep(state=StepState.IN_PROGRESS, updated=NOW, missing={}),)
        assert change(association, ended("IN PROGRESS", "1.1")) == 0
        assert change(association, ended("IN PROGRESS", "1.1")) == 0, "the same again"
        assert change(association, ended(end, "1.1", "1.2")) == 0
    assert known(database) == (ProcedureStep(state=StepState(end), updated=NOW, missing={SERIES: 1}),)
    Intake(database).record(instance("1.2"), at(1))
    assert known(database)[0].missing == {SERIES: 0}


def test_what_is_against_the_standard_has_its_status_and_changes_nothing(port: int, database: Database) -> None:
    with modality(port) as association:
        assert change(association, ended("COMPLETED")) == 0x0112
        assert create(association, begun(status="COMPLETED")) == 0x0106
        assert create(association, begun(study="")) == 0x0106
        assert known(database) == ()
        assert create(association, begun()) == 0
        assert create(association, begun()) == 0x0111
        assert change(association, ended("FINISHED")) == 0x0106
        assert change(association, ended("COMPLETED", "")) == 0x0106
        assert known(database)[0].state is StepState.IN_PROGRESS
        assert change(association, ended("COMPLETED", "1.1")) == 0
        assert change(association, ended("DISCONTINUED")) == 0x0110, "an end is final"
    assert known(database)[0] == ProcedureStep(state=StepState.COMPLETED, updated=NOW, missing={SERIES: 1})


def test_a_step_without_a_study_lacks_an_attribute(port: int) -> None:
    content = begun()
    del content.ScheduledStepAttributesSequence
    with modality(port) as association:
        assert create(association, content) == 0x0120
