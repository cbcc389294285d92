from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dicomnode.encode import Work, document, encode, kos
from dicomnode.errors import CheckFailed, EncodingError
from dicomnode.sdk.codes import Code
from tests import builders, cases
from tests.unit.encode.written import nodes, of_kind, read

SHAPE = (5, 70, 64)
FINDINGS = cases.findings(SHAPE)


def test_the_key_images_are_the_slices_where_a_structure_is_largest(task: Work) -> None:
    (selection,) = of_kind(encode(FINDINGS, replace(task, kinds=frozenset({"KOS"}))), "KOS")
    # Both blocks are as large in every slice they are in: the first one counts, and it is slice 1 for both.
    assert kos.referenced(selection) == {(builders.uid("instance", "study", "in-phase", 1), 0)}
    assert selection.ConceptNameCodeSequence[0].CodeMeaning == "Of Interest"
    assert "Slices where Liver, Focus are largest" in [node.get("TextValue") for node in nodes(selection)]
    assert (selection.PatientID, selection.IssuerOfPatientID) == ("TEST-1", "CLINIC")


def test_without_a_structure_there_are_no_key_images(task: Work) -> None:
    assert encode(FINDINGS[1:3], replace(task, kinds=frozenset({"KOS"}))) == ()


def stale(work: Work, folder: Path) -> list[Path]:
    """The results of a task as files."""
    folder.mkdir(exist_ok=True)
    paths = []
    for number, result in enumerate(encode(FINDINGS, work)):
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(result.content)
    return paths


def test_a_rejection_note_names_all_objects_and_their_patient(task: Work, tmp_path: Path) -> None:
    files = stale(task, tmp_path / "stale")
    result = kos.reject(files, kos.REJECTED_FOR_QUALITY)
    note = read(result)
    assert (result.kind, result.sop_class_uid) == ("KOS", document.KEY_OBJECT_SELECTION)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    assert (note.PatientID, note.IssuerOfPatientID, note.PatientName) == ("TEST-1", "CLINIC", "Phantom^Test")
    assert note.StudyInstanceUID == builders.uid("study", "study")
    assert kos.referenced(note) == {(str(entry.sop_instance_uid), 0) for entry in encode(FINDINGS, task)}
    kinds = {node.ValueType for node in nodes(note)}
    assert kinds == {"IMAGE", "COMPOSITE"}


def test_a_rejection_note_follows_from_what_it_rejects(task: Work, tmp_path: Path) -> None:
    files = stale(task, tmp_path / "stale")
    one = kos.reject(files, kos.REJECTED_FOR_QUALITY)
    assert kos.reject(files, kos.REJECTED_FOR_QUALITY) == one
    safety = Code("113037", "DCM", "Rejected for Patient Safety Reasons")
    others = (kos.reject(files[1:], kos.REJECTED_FOR_QUALITY), kos.reject(files, safety))
    assert len({one.sop_instance_uid, *(other.sop_instance_uid for other in others)}) == 3


def test_one_note_is_about_one_patient(task: Work, tmp_path: Path) -> None:
    files = builders.mr_series(tmp_path / "x", geometry=task.geometry["in-phase"], patient="TEST-2")
    other = cases.work(dict.fromkeys(task.inputs, files), task.geometry)
    with pytest.raises(CheckFailed, match="not of one patient and study"):
        kos.reject([*stale(task, tmp_path / "a"), *stale(other, tmp_path / "b")], kos.REJECTED_FOR_QUALITY)


def test_a_note_about_nothing_is_refused() -> None:
    with pytest.raises(EncodingError, match="needs objects"):
        kos.reject([], kos.REJECTED_FOR_QUALITY)
