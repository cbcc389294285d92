"""Rules of identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dicomnode.dicom import header
from dicomnode.dicom.elements import Encoding
from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Patient, Received
from dicomnode.errors import IdentityMismatch, InvalidInstance, NotThisClass, NotUnderstood, ReceiveError, UnusablePlace
from dicomnode.receive.guard import check_identity, check_reading, check_request
from dicomnode.receive.walk import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY
from tests.datasets import CT_IMAGE, EXPLICIT_LITTLE, LITTLE, MR_IMAGE, WRITERS, Writer, mr

REQUEST = Received(
    sop_class_uid=MR_IMAGE,
    sop_instance_uid="1.2.3.4",
    abstract_syntax=MR_IMAGE,
    transfer_syntax_uid=EXPLICIT_LITTLE,
    data_set=b"",
    calling_aet=AETitle("SENDER"),
)
IDENTITY = {
    SOP_CLASS: MR_IMAGE.encode(),
    SOP_INSTANCE: b"1.2.3.4\0",
    STUDY: b"1.2.3\0",
    SERIES: b"1.2.3.1\0",
}
HOSTILE = ["", "..", "/tmp/x", "../../x", "1.2.", "1..2", "1.2\\1.3", "1.2\n3", "1.2\x003", "1.2.abc", "1." + "2" * 63]


def said(values: Mapping[int, bytes], writer: Writer = LITTLE) -> header.UIDs:
    """What a data set with these values says it is; they are written as they are, of odd length too."""
    elements = {tag: writer.element(tag, "UI", b"", len(value)) + value for tag, value in values.items()}
    return header.uids_of(elements, Encoding(implicit=not writer.explicit, order=writer.order))


def test_an_honest_request_passes() -> None:
    check_request(REQUEST)
    check_identity(said(IDENTITY), REQUEST)


def test_the_class_must_be_the_contexts() -> None:
    with pytest.raises(NotThisClass):
        check_request(replace(REQUEST, abstract_syntax=CT_IMAGE))


@pytest.mark.parametrize("text", HOSTILE)
def test_the_requests_instance_must_be_a_uid(text: str) -> None:
    with pytest.raises(InvalidInstance):
        check_request(replace(REQUEST, sop_instance_uid=text))


@pytest.mark.parametrize(
    "different",
    [
        {SOP_INSTANCE: b"1.2.3.5\0"},
        {SOP_INSTANCE: b""},
        {SOP_INSTANCE: b" 1.2.3.4"},
        {SOP_CLASS: CT_IMAGE.encode()},
        {SOP_CLASS: b""},
    ],
)
def test_data_set_and_command_must_agree(different: dict[int, bytes]) -> None:
    with pytest.raises(IdentityMismatch):
        check_identity(said({**IDENTITY, **different}), REQUEST)


@pytest.mark.parametrize("tag", [SOP_CLASS, SOP_INSTANCE, STUDY, SERIES])
def test_nothing_of_the_identity_may_be_absent(tag: int) -> None:
    with pytest.raises((IdentityMismatch, UnusablePlace)):
        check_identity(said({other: value for other, value in IDENTITY.items() if other != tag}), REQUEST)


@pytest.mark.parametrize("tag", [STUDY, SERIES])
@pytest.mark.parametrize("text", HOSTILE)
def test_an_instance_needs_a_place(text: str, tag: int) -> None:
    with pytest.raises(UnusablePlace):
        check_identity(said({**IDENTITY, tag: text.encode()}), REQUEST)


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


@pytest.mark.parametrize("writer", WRITERS.values())
@pytest.mark.parametrize("padding", [b"", b"\0", b" "])
def test_padding_is_no_part_of_a_uid(padding: bytes, writer: Writer) -> None:
    uids = said({tag: value.rstrip(b"\0") + padding for tag, value in IDENTITY.items()}, writer)
    assert uids == (MR_IMAGE, "1.2.3.4", "1.2.3", "1.2.3.1")
    check_identity(uids, REQUEST)


@pytest.mark.parametrize(
    "different",
    [
        {"sop_instance_uid": "9.9"},
        {"series_instance_uid": "9.9"},
        {"study_instance_uid": "9.9"},
        {"patient": Patient(patient_id="P2")},
    ],
)
def test_two_readers_must_read_one_instance_of_one_patient(different: dict[str, Any]) -> None:
    read = header.read(mr(), EXPLICIT_LITTLE)
    check_reading(replace(read, facts={"Rows": 4}, frames=({"EchoTime": 1.0},)), read)
    with pytest.raises(NotUnderstood, match="two ways"):
        check_reading(replace(read, **different), read)
