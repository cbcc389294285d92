"""The file around a data set."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmread

from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, AETitle
from dicomnode.errors import NotUnderstood
from dicomnode.receive.part10 import FileMeta, head, split
from tests.datasets import EXPLICIT_LITTLE, MR_IMAGE, mr

META = FileMeta(
    sop_class_uid=MR_IMAGE,
    sop_instance_uid="1.2.3.4",
    transfer_syntax_uid=EXPLICIT_LITTLE,
    calling_aet=AETitle("SENDER1"),
)


def test_another_reader_reads_the_file() -> None:
    content = dcmread(BytesIO(head(META) + mr()))
    meta = content.file_meta
    assert content.preamble == bytes(128)
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.FileMetaInformationGroupLength == len(head(META)) - 144
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (MR_IMAGE, "1.2.3.4")
    assert (meta.TransferSyntaxUID, meta.ImplementationClassUID) == (EXPLICIT_LITTLE, IMPLEMENTATION_CLASS_UID)
    assert meta.SourceApplicationEntityTitle == "SENDER1"
    assert content.PatientID == "P1"


def test_split_undoes_head() -> None:
    assert split(head(META) + mr()) == (META, mr())


@pytest.mark.parametrize("length", [0, 1, 128, 131, 143, 150, 200, -1])
def test_a_torn_file_is_refused(length: int) -> None:
    with pytest.raises(NotUnderstood, match=r"before its data set|torn"):
        split(head(META)[:length])


def test_a_foreign_file_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        split(b"MZ" + head(META)[2:] + mr())


def test_hostile_text_stays_inside_its_element() -> None:
    hostile = replace(META, sop_instance_uid="../é\0" + "9" * 5000)
    meta, data_set = split(head(hostile) + mr())
    assert (meta.calling_aet, data_set) == ("SENDER1", mr())
    assert meta.sop_instance_uid == "../?\0" + "9" * 59
