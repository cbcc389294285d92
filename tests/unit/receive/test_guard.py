"""Rules of identity."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Received
from dicomnode.errors import IdentityMismatch, InvalidInstance, NotThisClass, NotUnderstood, ReceiveError, UnusablePlace
from dicomnode.receive.guard import check_identity, check_request
from dicomnode.receive.walk import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, Values
from tests.datasets import CT_IMAGE, EXPLICIT_LITTLE, MR_IMAGE

REQUEST = Received(
    sop_class_uid=MR_IMAGE,
    sop_instance_uid="1.2.3.4",
    abstract_syntax=MR_IMAGE,
    transfer_syntax_uid=EXPLICIT_LITTLE,
    data_set=b"",
    calling_aet=AETitle("SENDER"),
)
IDENTITY = {
    SOP_CLASS: ("UI", MR_IMAGE.encode()),
    SOP_INSTANCE: ("UI", b"1.2.3.4\0"),
    STUDY: ("UI", b"1.2.3\0"),
    SERIES: ("UI", b"1.2.3.1\0"),
}
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
    "different",
    [
        {SOP_INSTANCE: ("UI", b"1.2.3.5\0")},
        {SOP_INSTANCE: ("UI", b"")},
        {SOP_INSTANCE: ("UI", b" 1.2.3.4")},
        {SOP_CLASS: ("UI", CT_IMAGE.encode())},
        {SOP_CLASS: ("UI", b"")},
    ],
)
def test_data_set_and_command_must_agree(different: Values) -> None:
    with pytest.raises(IdentityMismatch):
        check_identity({**IDENTITY, **different}, REQUEST)


@pytest.mark.parametrize("tag", [SOP_CLASS, SOP_INSTANCE, STUDY, SERIES])
def test_nothing_of_the_identity_may_be_absent(tag: int) -> None:
    with pytest.raises((IdentityMismatch, UnusablePlace)):
        check_identity({other: value for other, value in IDENTITY.items() if other != tag}, REQUEST)


@pytest.mark.parametrize("tag", [STUDY, SERIES])
@pytest.mark.parametrize("text", HOSTILE)
def test_an_instance_needs_a_place(text: str, tag: int) -> None:
    with pytest.raises(UnusablePlace):
        check_identity({**IDENTITY, tag: ("UI", text.encode())}, REQUEST)


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


@pytest.mark.parametrize("padding", [b"", b"\0", b" "])
def test_padding_is_no_part_of_a_uid(padding: bytes) -> None:
    check_identity({tag: (vr, raw.rstrip(b"\0") + padding) for tag, (vr, raw) in IDENTITY.items()}, REQUEST)
