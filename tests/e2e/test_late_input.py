"""Slices come after the results: the exam is judged again, and a reader finds exactly one current result."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import dcmsend
from tests.integration.dciodvfy import unexpected
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port, require_tool

SR, KOS = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.59"
REJECTED = ("113001", "DCM", "Rejected for Quality Reasons")


def peers_of(pacs: Orthanc) -> str:
    return f"""
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
port = {pacs.dicom_port}
receives = ["SEG", "SR", "PM", "KOS"]
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
"""


def send(node: NodeProcess, files: list[Path]) -> None:
    sender = dcmsend(node.port, files)
    output, _ = sender.communicate(timeout=120)
    assert sender.returncode == 0, output.decode()


def held(pacs: Orthanc, sop_class: str) -> list[Dataset]:
    found = [pacs.dataset(entry["ID"]) for entry in pacs.instances()]
    return [dataset for dataset in found if sop_class == dataset.SOPClassUID]


def notes(pacs: Orthanc) -> list[Dataset]:
    return [note for note in held(pacs, KOS) if note.ConceptNameCodeSequence[0].CodeValue == REJECTED[0]]


@pytest.mark.timeout(300)
def test_late_slices_give_a_second_result_and_take_the_first_one_back(
    test_data: Path, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    files = sorted((test_data / "liver-dual-echo-chaos1").rglob("*.dcm"))
    height = max(float(dcmread(file, stop_before_pixels=True).ImagePositionPatient[2]) for file in files)
    late = [f for f in files if float(dcmread(f, stop_before_pixels=True).ImagePositionPatient[2]) == height]
    assert len(late) == 2
    folder = tmp_path_factory.mktemp("late")
    with orthanc(folder) as pacs:
        node = NodeProcess(folder, free_port(), peers_of(pacs))
        node.start()
        send(node, [file for file in files if file not in late])
        node.settled(1)
        (first,) = held(pacs, SR)
        stale = {str(pacs.dataset(entry["ID"]).SOPInstanceUID) for entry in pacs.instances()}
        assert "PredecessorDocumentsSequence" not in first

        send(node, late)
        until(lambda: notes(pacs), 120, "the rejection note is there")
        until(lambda: len(held(pacs, SR)) == 2, 120, "the second report is there")
        tasks = {task["state"]: task for task in node.settled(2)}
        assert set(tasks) == {"done", "superseded"}

        (second,) = [report for report in held(pacs, SR) if report.SOPInstanceUID != first.SOPInstanceUID]
        (study,) = second.PredecessorDocumentsSequence
        (series,) = study.ReferencedSeriesSequence
        (named,) = series.ReferencedSOPSequence
        assert (study.StudyInstanceUID, series.SeriesInstanceUID) == (first.StudyInstanceUID, first.SeriesInstanceUID)
        assert named.ReferencedSOPInstanceUID == first.SOPInstanceUID

        (note,) = notes(pacs)
        title = note.ConceptNameCodeSequence[0]
        assert (title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning) == REJECTED
        rejected = {str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID) for item in note.ContentSequence}
        assert rejected == stale
        assert (note.StudyInstanceUID, note.PatientID) == (first.StudyInstanceUID, first.PatientID)

        everything = [pacs.dataset(entry["ID"]) for entry in pacs.instances()]
        assert max(Counter(str(dataset.SOPInstanceUID) for dataset in everything).values()) == 1
        assert len(everything) == 2 * len(stale) + 1
        why = node.cli("studies", "why", str(first.StudyInstanceUID)).stdout
        assert "fat_fraction: superseded: the exam has changed since" in why
        assert node.stop() == 0
        second.save_as(tmp_path / "SR.dcm")
        assert unexpected(require_tool("dciodvfy"), tmp_path / "SR.dcm", source=files[0]) == set()
