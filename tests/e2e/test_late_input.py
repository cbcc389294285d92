"""Slices and a drawn outline come after the results: the exam is judged again, and one result is the current one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import pack_bits

from tests.builders import uid
from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import dcmsend
from tests.integration.dciodvfy import unexpected
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port, require_tool

SR, KOS, SEG = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.5.1.4.1.1.66.4"
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


def drawn_over(pacs: Orthanc, folder: Path) -> Path:
    """The liver that was found, as a reader's workstation would store it after a look at it: one segment, by hand."""
    (image,) = held(pacs, SEG)
    parts = [int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber) for frame in frames_of(image)]
    liver = [n for n, part in enumerate(parts) if image.SegmentSequence[part - 1].SegmentLabel.startswith("Liver")]
    places = {str(frames_of(image)[n].PlanePositionSequence[0].ImagePositionPatient): n for n in liver}
    pixels = image.pixel_array
    drawn = [
        np.logical_or.reduce([pixels[n] for n in liver if str(place(image, n)) == position]) for position in places
    ]
    image.PerFrameFunctionalGroupsSequence = [frames_of(image)[n] for n in places.values()]
    for frame in frames_of(image):
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1
    del image.SegmentSequence[1:]
    image.SegmentSequence[0].SegmentLabel, image.SegmentSequence[0].SegmentAlgorithmType = "Reader's liver", "MANUAL"
    image.NumberOfFrames, image.PixelData = len(drawn), pack_bits(np.stack(drawn).astype(np.uint8).ravel(), pad=True)
    image.Manufacturer = image.ManufacturerModelName = "Workstation"
    del image.ContributingEquipmentSequence
    image.SeriesInstanceUID, image.SeriesNumber = uid("drawn series"), 77
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = uid("drawn")
    image.save_as(folder / "drawn.dcm")
    return folder / "drawn.dcm"


def frames_of(image: Dataset) -> Sequence[Dataset]:
    return image.PerFrameFunctionalGroupsSequence  # type: ignore[no-any-return]


def place(image: Dataset, number: int) -> object:
    return frames_of(image)[number].PlanePositionSequence[0].ImagePositionPatient


def references(report: Dataset) -> set[str]:
    """What the evidence of a report lists."""
    return {
        item.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


@pytest.mark.timeout(300)
def test_late_slices_and_a_drawn_liver_give_a_second_result_and_take_the_first_one_back(
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

        send(node, [*late, drawn_over(pacs, tmp_path)])
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

        mask = dcmread(tmp_path / "drawn.dcm", stop_before_pixels=True)
        assert mask.SOPInstanceUID in references(second)
        assert mask.SOPInstanceUID not in references(first)
        assert "segment 'Reader's liver' (drawn by hand) of the received Segmentation" in second.to_json()

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
        assert "series 77" in why
        assert node.stop() == 0
        second.save_as(tmp_path / "SR.dcm")
        assert unexpected(require_tool("dciodvfy"), tmp_path / "SR.dcm", source=files[0]) == set()
