"""Readable builders for the domain's values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zlib import crc32

from pydicom.datadict import dictionary_VR, tag_for_keyword

from dicomnode.dicom.header import EncodedFacts
from dicomnode.domain.exam import Assessment, Chosen, PlannedTask
from dicomnode.domain.identity import (
    AETitle,
    Digest,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)
from dicomnode.domain.instance import Fact, Instance, InstanceHeader, Patient, StoredObject
from dicomnode.domain.stack import Geometry, RoleDecision, Stack
from dicomnode.domain.task import ResultObject
from tests.datasets import LITTLE, WRITERS

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STUDY = StudyInstanceUID("1.2.3")
SERIES = SeriesInstanceUID("1.2.3.1")


def at(seconds: float) -> datetime:
    """A moment, seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def digest(text: str) -> Digest:
    """A digest that depends on the text only."""
    return Digest(hashlib.sha256(text.encode()).hexdigest())


def store_key(uid: str, content: str = "") -> str:
    """A key on the first shelf."""
    return f"00000001/{crc32(f'{uid}-{content}'.encode()):08x}.dcm"


def encoded(said: Mapping[str, Fact], syntax: str) -> bytes:
    """Elements with these values, those of numbers as text."""
    write = WRITERS.get(syntax, LITTLE)
    texts = {key: "\\".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in said.items()}
    elements = {tag: (dictionary_VR(tag), text) for key, text in texts.items() if (tag := tag_for_keyword(key))}
    return b"".join(write.element(tag, *elements[tag]) for tag in sorted(elements) if elements[tag][1])


def instance(
    uid: str,
    *,
    study: str = STUDY,
    series: str = SERIES,
    patient: str = "P1",
    issuer: str = "",
    content: str = "",
    syntax: str = "1.2.840.10008.1.2.1",
    **facts: Fact,
) -> Instance:
    """One stored instance; its content differs with its UID unless given."""
    named = Patient(patient_id=patient, issuer=issuer, name="Phantom^Test", birth_date="19700101", sex="O")
    said: dict[str, Fact] = {
        "PatientID": patient,
        "IssuerOfPatientID": issuer,
        "PatientName": named.name,
        "PatientBirthDate": named.birth_date,
        "PatientSex": named.sex,
        "Modality": "MR",
        **facts,
    }
    return Instance(
        header=InstanceHeader(
            sop_instance_uid=SOPInstanceUID(uid),
            sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.4"),
            transfer_syntax_uid=TransferSyntaxUID(syntax),
            series_instance_uid=SeriesInstanceUID(series),
            study_instance_uid=StudyInstanceUID(study),
            patient=named,
            facts=EncodedFacts(encoded(said, syntax), syntax),
        ),
        stored=StoredObject(key=store_key(uid, content), size=100, digest=digest(content or uid)),
        calling_aet=AETitle("SENDER"),
    )


def stack(*uids: str, series: str = SERIES, role: str = "in-phase") -> Stack:
    """A regular axial stack of these instances."""
    return Stack(
        stack_id=digest("".join(uids)),
        series_instance_uid=SeriesInstanceUID(series),
        frame_of_reference_uid="1.2.3.9",
        instances=tuple(SOPInstanceUID(uid) for uid in uids),
        facts={},
        geometry=Geometry(
            shape=(len(uids), 4, 4),
            origin=(0.0, 0.0, 0.0),
            spacing=(5.0, 1.0, 1.0),
            row=(1.0, 0.0, 0.0),
            column=(0.0, 1.0, 0.0),
            normal=(0.0, 0.0, 1.0),
        ),
        role=RoleDecision(role=role, reasons=("because a test says so",)),
    )


def planned(name: str, *inputs: Stack, plugin: str = "fat_fraction") -> PlannedTask:
    """A task on these stacks, in roles input0, input1 ..."""
    return PlannedTask(
        task_id=digest(name),
        plugin=plugin,
        version="0.1.0",
        parameters={"noise_gate": 5.0},
        inputs=tuple(
            Chosen(role=f"input{n}", stack=entry, input_digest=digest(entry.stack_id)) for n, entry in enumerate(inputs)
        ),
    )


def assessment(*tasks: PlannedTask) -> Assessment:
    """An assessment that plans these tasks."""
    stacks = tuple(chosen.stack for task in tasks for chosen in task.inputs)
    return Assessment(stacks=stacks, tasks=tasks, refusals=(), verdicts=())


def result(uid: str, kind: str = "SR", content: bytes = b"x", series: str = "1.2.9") -> ResultObject:
    """A finished object."""
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(uid),
        sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.88.34"),
        series_instance_uid=SeriesInstanceUID(series),
        kind=kind,
        description="a result",
        content=content,
    )
