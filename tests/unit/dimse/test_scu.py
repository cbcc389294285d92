"""How files are told apart, offered and cut into associations, before any connection."""

from __future__ import annotations

from pathlib import Path

import pytest
from pynetdicom import AllStoragePresentationContexts

from dicomnode.dimse.scu import Outgoing, _batches, _offers, outgoing
from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID, TransferSyntaxUID
from dicomnode.errors import Refused
from tests.datasets import CT_IMAGE, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR_IMAGE, RLE

CLASSES = [str(context.abstract_syntax) for context in AllStoragePresentationContexts]


def file(sop_class: str = MR_IMAGE, syntax: str = EXPLICIT_LITTLE) -> Outgoing:
    return Outgoing(
        path=Path("x"),
        sop_class_uid=SOPClassUID(sop_class),
        sop_instance_uid=SOPInstanceUID("1.2"),
        transfer_syntax_uid=TransferSyntaxUID(syntax),
        offset=0,
    )


def test_a_file_says_how_it_must_be_sent(test_data: Path) -> None:
    path = test_data / "mr-transfer-syntaxes" / "pydicom-mr-small" / "MR_small_RLE.dcm"
    read = outgoing(path)
    assert read == Outgoing(
        path=path,
        sop_class_uid=SOPClassUID(MR_IMAGE),
        sop_instance_uid=SOPInstanceUID("1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.5457"),
        transfer_syntax_uid=TransferSyntaxUID(RLE),
        offset=read.offset,
    )
    assert path.read_bytes()[: read.offset].count(RLE.encode()) == 1, "file meta information lies before it"


@pytest.mark.parametrize("content", [b"", b"no DICOM at all", bytes(128) + b"DICM", bytes(5000)])
def test_what_is_no_dicom_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Refused, match="not a DICOM file"):
        outgoing(path)


def test_a_context_is_offered_once_for_each_encoding() -> None:
    files = [file(), file(), file(syntax=RLE), file(CT_IMAGE, IMPLICIT_LITTLE)]
    assert _offers(files) == [
        (MR_IMAGE, EXPLICIT_LITTLE),
        (MR_IMAGE, IMPLICIT_LITTLE),
        (MR_IMAGE, RLE),
        (CT_IMAGE, IMPLICIT_LITTLE),
        (CT_IMAGE, EXPLICIT_LITTLE),
    ]


def test_files_of_few_kinds_share_one_association() -> None:
    files = [file(), file(syntax=RLE)] * 500
    assert list(_batches(files)) == [files]


def test_more_than_128_contexts_are_cut_between_files_in_their_order() -> None:
    files = [file(uid) for uid in CLASSES] + [file(uid, RLE) for uid in CLASSES]
    batches = list(_batches(files))
    assert [one for batch in batches for one in batch] == files
    assert [len(_offers(batch)) for batch in batches][:2] == [128, 128]
    assert all(len(_offers(batch)) <= 128 for batch in batches)


def test_nothing_to_send_needs_no_association() -> None:
    assert list(_batches([])) == []
