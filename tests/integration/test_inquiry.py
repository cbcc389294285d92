"""What a real Orthanc holds of an exam is known to the index; one that does not answer costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomnode.dicom.header import read_file
from dicomnode.dimse.scu import outgoing, send
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from dicomnode.domain.instance import InstanceHeader
from dicomnode.index import evidence
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.inquiry import SourceInquiry
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders
from tests.peers.orthanc import Orthanc
from tests.slices import stored
from tests.values import at

US = DicomSettings(aet="DICOMNODE")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


def _images(folder: Path) -> tuple[tuple[Path, ...], list[InstanceHeader]]:
    files = builders.mr_series(folder, geometry=builders.grid((6, 8, 8)))
    return files, [read_file(file) for file in files]


def _missing(database: Database, study: StudyInstanceUID) -> list[int] | None:
    with database.read() as session:
        found = evidence.source(session, study, evidence.series(session, study))
    return None if found is None else list(found.missing.values())


def test_an_archive_that_has_more_is_heard_once_the_exam_rests(
    orthanc: Orthanc, database: Database, tmp_path: Path
) -> None:
    peer = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port)
    files, headers = _images(tmp_path / "series")
    assert {sent.status for sent in send(peer, US, [outgoing(file) for file in files])} == {0}
    study, clock, answers = headers[0].study_instance_uid, [at(2.9)], []
    inquiry = SourceInquiry(database, peer, US, 3.0, lambda: clock[0], lambda: answers.append(clock[0]))
    for one in stored(headers[:4]):
        Intake(database).record(one, at(0))
    inquiry.ask()
    assert _missing(database, study) is None, "it just grows"
    clock[0] = at(3)
    inquiry.ask()
    inquiry.ask()
    assert (_missing(database, study), answers) == ([2], [at(3)])
    for one in stored(headers[4:]):
        Intake(database).record(one, at(4))
    Intake(database).released(AETitle(US.aet), frozenset({headers[0].series_instance_uid}), at(5))
    assert _missing(database, study) == [0]
    inquiry.ask()
    assert answers == [at(3), at(3)], "a release is as good as a rest"


@pytest.mark.usefixtures("collected")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # pynetdicom leaves it to the collector
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_an_archive_that_does_not_answer_is_not_asked_again_until_something_arrives(
    database: Database, tmp_path: Path, free_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    _, headers = _images(tmp_path / "series")
    peer = PeerSettings(name="pacs", aet="NOBODY", port=free_port)
    inquiry = SourceInquiry(database, peer, US, 3.0, lambda: at(60), lambda: None)
    for asked, one in enumerate(stored(headers[:2]), 1):
        Intake(database).record(one, at(asked))
        inquiry.ask()
        inquiry.ask()
        assert caplog.text.count("pacs was not asked for its counts: Unreachable") == asked
    assert _missing(database, headers[0].study_instance_uid) is None
