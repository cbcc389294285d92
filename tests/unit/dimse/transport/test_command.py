"""Command sets against another implementation."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from dicomnode.dimse.transport.command import C_STORE, Command, parse, response
from dicomnode.dimse.transport.pdu import Violation
from tests.datasets import MR_IMAGE
from tests.peers.rude import command


def test_a_request_is_read() -> None:
    assert parse(command(C_STORE, instance="1.2.3.4")) == Command(
        field=1, message_id=1, has_data_set=True, sop_class_uid=MR_IMAGE, sop_instance_uid="1.2.3.4"
    )


def test_a_normalized_request_is_read_by_its_own_names() -> None:
    request = Dataset()
    request.RequestedSOPClassUID, request.RequestedSOPInstanceUID, request.CommandField = "1.2.3", "1.2.3.4", 0x0120
    request.MessageID, request.CommandDataSetType, request.EventTypeID = 7, 1, 2
    asked = parse(encode(request, is_implicit_vr=True, is_little_endian=True) or b"")
    assert (asked.field, asked.sop_class_uid, asked.sop_instance_uid) == (0x0120, "1.2.3", "1.2.3.4")
    assert (asked.message_id, asked.event_type, asked.has_data_set) == (7, 2, True)


def test_another_reader_reads_the_answer() -> None:
    request = parse(command(C_STORE, instance="1.2.3.4"))
    pdu = response(request, 5, 0xA700, "no room left for instances " + "x" * 80)
    assert (pdu[0], int.from_bytes(pdu[2:6], "big"), pdu[10], pdu[11]) == (4, len(pdu) - 6, 5, 3)
    answer = decode(BytesIO(pdu[12:]), is_implicit_vr=True, is_little_endian=True)
    assert (answer.CommandField, answer.MessageIDBeingRespondedTo, answer.Status) == (0x8001, 1, 0xA700)
    assert (answer.AffectedSOPClassUID, answer.AffectedSOPInstanceUID) == (MR_IMAGE, "1.2.3.4")
    assert answer.CommandDataSetType == 0x0101
    assert answer.ErrorComment == ("no room left for instances " + "x" * 80)[:64]
    assert answer.CommandGroupLength == len(pdu) - 12 - 12


def test_what_is_no_uid_is_not_given_back() -> None:
    request = parse(command(C_STORE, sop_class="../x", instance="<b>"))
    answer = decode(BytesIO(response(request, 1, 0)[12:]), is_implicit_vr=True, is_little_endian=True)
    assert "AffectedSOPClassUID" not in answer
    assert "AffectedSOPInstanceUID" not in answer
    assert "ErrorComment" not in answer


@pytest.mark.parametrize("raw", [b"", bytes(7), command(C_STORE)[:-3], b"\1\0" + command(C_STORE)[2:], bytes(80)])
def test_what_is_no_command_set_is_a_violation(raw: bytes) -> None:
    with pytest.raises(Violation):
        parse(raw)
