"""Rules of identity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.dicom import header
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import IdentityMismatch, InvalidInstance, NotThisClass, NotUnderstood, ReceiveError, UnusablePlace
from dicomnode.receive.guard import check_identity, check_reading, check_request, uid_text
from dicomnode.receive.walk import Identity
from tests.datasets import CT_IMAGE, EXPLICIT_LITTLE, MR_IMAGE, mr

REQUEST = Received(
    sop_class_uid=MR_IMAGE,
    sop_instance_uid="1.2.3.4",
    abstract_syntax=MR_IMAGE,
    transfer_syntax_uid=EXPLICIT_LITTLE,
    data_set=b"",
    calling_aet=AETitle("SENDER"),
)
IDENTITY = Identity(
    sop_class_uid=MR_IMAGE.encode(),
    sop_instance_uid=b"1.2.3.4\0",
    study_instance_uid=b"1.2.3\0",
    series_instance_uid=b"1.2.3.1\0",
    patient_id=b"P1",
)
HOSTILE = ["", "..", "/tmp/x", "../../x", "1.2.", "1..2", "1.2\\1.3", "1.2\n3", "1.2\x003", "1.2.abc", "1." + "2" * 63]


def test_an_honest_request_passes() -> None:
    check_request(REQUEST)
    check_identity(IDENTITY, REQUEST)


def test_the_class_must_be_the_contexts() -> None:
    with pytest.raises(NotThisClass):
        check_request(replace(REQUEST, abstract_syntax=CT_IMAGE))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_requests_instance_must_be_a_uid(text: str) -> None:
    with pytest.raises(InvalidInstance):
        check_request(replace(REQUEST, sop_instance_uid=text))


@pytest.mark.parametrize(
    "identity",
    [
        replace(IDENTITY, sop_instance_uid=b"1.2.3.5\0"),
        replace(IDENTITY, sop_instance_uid=b""),
        replace(IDENTITY, sop_class_uid=CT_IMAGE.encode()),
        replace(IDENTITY, sop_class_uid=b""),
    ],
)
def test_data_set_and_command_must_agree(identity: Identity) -> None:
    with pytest.raises(IdentityMismatch):
        check_identity(identity, REQUEST)


@pytest.mark.parametrize("text", HOSTILE)
def test_an_instance_needs_a_place(text: str) -> None:
    for identity in (
        replace(IDENTITY, study_instance_uid=text.encode()),
        replace(IDENTITY, series_instance_uid=text.encode()),
    ):
        with pytest.raises(UnusablePlace):
            check_identity(identity, REQUEST)


def test_statuses_are_those_of_the_standard() -> None:
    def status(kind: type[ReceiveError]) -> str:
        return f"{kind.status:04X}"

    assert [status(k) for k in (NotThisClass, InvalidInstance, IdentityMismatch, UnusablePlace, NotUnderstood)] == [
        "0122",
        "0117",
        "A900",
        "C010",
        "C000",
    ]


def test_two_readers_must_read_one_instance() -> None:
    read = header.read(mr(), EXPLICIT_LITTLE)
    check_reading(read, IDENTITY)
    with pytest.raises(NotUnderstood, match="two ways"):
        check_reading(replace(read, study_instance_uid=StudyInstanceUID("9.9")), IDENTITY)


def test_padding_is_no_part_of_a_uid() -> None:
    assert uid_text(b"1.2\0") == uid_text(b"1.2 ") == "1.2"
    assert uid_text(b" 1.2") == " 1.2"
