"""Patients' names in many character sets survive the index and come back in the report."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.valuerep import PersonName

from dicomnode.demo.phantom import Exam, write_liver_exam
from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import SR, dcmsend, peers_of
from tests.peers.orthanc import Orthanc
from tests.peers.tools import free_port

SLICES = 8
FILES = ("chrH31.dcm", "chrI2.dcm", "chrX1.dcm", "chrX2.dcm", "chrGreek", "chrRuss.dcm", "chrArab.dcm")


def _named(folder: Path, number: int, source: Path) -> str:
    """Write an exam of a patient with the name of a file, in that file's encoding; returns the name in Unicode."""
    named = dcmread(source)
    write_liver_exam(folder, Exam(seed=200 + number, shape=(SLICES, 64, 80)))
    for path in folder.glob("*.dcm"):
        image = dcmread(path)
        image.SpecificCharacterSet = named.SpecificCharacterSet
        image.PatientName = named.PatientName
        image.PatientID = f"NAME-{number}"
        image.save_as(path)
    return _plain(named.PatientName)


def _plain(name: PersonName) -> str:
    return "=".join(component.rstrip("^") for component in name.components)


def test_names_reach_the_report_through_the_index(orthanc: Orthanc, test_data: Path, tmp_path: Path) -> None:
    sources = sorted((test_data / "charsets-pydicom").glob("chr*"))
    names = {
        f"NAME-{number}": _named(tmp_path / str(number), number, source)
        for number, source in enumerate(sources)
        if source.name in FILES
    }
    assert len(names) >= 5
    assert not all(name.isascii() for name in names.values())
    node = NodeProcess(tmp_path, free_port(), peers_of(orthanc))
    node.start()
    for patient in names:
        sender = dcmsend(node.port, sorted((tmp_path / patient.removeprefix("NAME-")).glob("*.dcm")))
        output, _ = sender.communicate(timeout=60)
        assert sender.returncode == 0, output.decode()
    until(lambda: orthanc.count() == len(names) * (SLICES + 4), 120, "all results arrive")
    indexed = {study["patient_id"]: study["patient_name"] for study in node.ask("studies", "list")}
    assert {patient: name.rstrip("^") for patient, name in indexed.items()} == names
    reports = [d for d in (orthanc.dataset(entry["ID"]) for entry in orthanc.instances()) if d.SOPClassUID == SR]
    assert {report.PatientID: _plain(report.PatientName) for report in reports} == names
    assert {report.SpecificCharacterSet for report in reports} <= {"ISO_IR 192", "ISO_IR 6", "ISO_IR 100"}
    assert node.stop() == 0
