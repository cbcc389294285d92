"""Outcomes that reports state: coded answers of complete reports by others, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import Comprehensive3DSRStorage, ExplicitVRLittleEndian

from dicomnode.dicom.reported import Answer, read
from dicomnode.errors import BadOutcomes

QUESTION = ("RECURRENCE", "99HOSPITAL")
POSITIVE, NO, MAYBE = ("10828004", "SCT"), ("R-00339", "SRT"), ("PERHAPS", "99HOSPITAL")


def code(value: str, scheme: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, "said"
    return item


def said(question: tuple[str, str], answer: tuple[str, str]) -> Dataset:
    item = Dataset()
    item.ValueType, item.RelationshipType = "CODE", "CONTAINS"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [code(*question)], [code(*answer)]
    return item


def report(folder: Path, *answers: tuple[str, str], **changes: Any) -> Path:
    """Answers to the question, each two containers down, beside an answer to another question."""
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID, image.StudyInstanceUID = Comprehensive3DSRStorage, "1.2.3", "1.2"
    image.Modality, image.CompletionFlag, image.Manufacturer = "SR", "COMPLETE", "A hospital"
    image.ContentDate, image.ContentTime = "20261121", "120000"
    image.ContentSequence = [said(("OTHER", "99HOSPITAL"), MAYBE)]
    for answer in answers:
        inner, outer = Dataset(), Dataset()
        inner.ContentSequence, outer.ContentSequence = [said(QUESTION, answer)], [inner]
        image.ContentSequence.append(outer)
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    dcmwrite(folder / "report.dcm", image, enforce_file_format=True)
    return folder / "report.dcm"


@pytest.mark.parametrize(("answer", "positive"), [(POSITIVE, True), (NO, False)])
def test_the_answer_is_found_anywhere_in_the_tree(answer: tuple[str, str], positive: bool, tmp_path: Path) -> None:
    found = read(report(tmp_path, answer, answer), QUESTION)
    assert found == Answer(study="1.2", positive=positive, moment="20261121120000")


@pytest.mark.parametrize(
    "changes",
    [{"CompletionFlag": "PARTIAL"}, {"Manufacturer": "dicomnode"}, {"Modality": "KO"}, {"ContentSequence": []}],
)
def test_what_is_no_truth_is_stepped_over(changes: dict[str, Any], tmp_path: Path) -> None:
    assert read(report(tmp_path, POSITIVE, **changes), QUESTION) is None


def test_a_report_that_passed_through_a_dicomnode_s_equipment_is_its_own(tmp_path: Path) -> None:
    made = Dataset()
    made.Manufacturer = "dicomnode"
    assert read(report(tmp_path, POSITIVE, ContributingEquipmentSequence=[made]), QUESTION) is None


def test_what_is_no_file_of_dicom_is_stepped_over(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no report")
    assert read(tmp_path / "notes.txt", QUESTION) is None


@pytest.mark.parametrize(
    ("answers", "says"), [((MAYBE,), "is not coded as positive"), ((POSITIVE, NO), "answers both ways")]
)
def test_what_cannot_be_believed_is_said(answers: tuple[tuple[str, str], ...], says: str, tmp_path: Path) -> None:
    with pytest.raises(BadOutcomes, match=says):
        read(report(tmp_path, *answers), QUESTION)
