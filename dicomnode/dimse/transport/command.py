"""Command sets (PS3.7 6.3 and annex E): the few fields we read, and the answers without a data set."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from dicomnode.dicom.header import is_uid
from dicomnode.dimse.transport.pdu import Kind, Violation

C_STORE: Final = 0x0001
C_ECHO: Final = 0x0030
C_CANCEL: Final = 0x0FFF
RESPONSE: Final = 0x8000
SUCCESS: Final = 0x0000
NOT_THIS_CLASS: Final = 0x0122
UNRECOGNIZED_OPERATION: Final = 0x0211
MISTYPED_ARGUMENT: Final = 0x0212
LONGEST: Final = 1 << 14
"""Bytes of a command set; a real one has some two hundred."""

_NO_DATA_SET: Final = 0x0101
_CLASS, _FIELD, _MESSAGE, _ANSWERED, _DATA, _STATUS, _COMMENT, _INSTANCE = (
    0x0002, 0x0100, 0x0110, 0x0120, 0x0800, 0x0900, 0x0902, 0x1000,
)  # fmt: skip
_PRIORITY, _DATA_SET = 0x0700, 0x0001
_REQUESTED_CLASS, _REQUESTED_INSTANCE, _EVENT_TYPE = 0x0003, 0x1001, 0x1002
_LONGEST_COMMENT: Final = 64  # Error Comment (0000,0902) is LO
_ELEMENT: Final = struct.Struct("<HHL")
_HEADER: Final = _ELEMENT.size
_GROUP_LENGTH: Final = struct.Struct("<HHLL")
_ANSWER: Final = struct.Struct("<" + 4 * "HHLH")
_PDU: Final = struct.Struct(">BBLLBB")
_US: Final = struct.Struct("<H")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request, or a response."""

    field: int
    message_id: int
    has_data_set: bool
    sop_class_uid: str
    """Affected, or with N-SET and its like Requested."""
    sop_instance_uid: str
    event_type: int = 0
    """Of an N-EVENT-REPORT."""
    status: int = 0
    """Of a response."""
    comment: str = ""


def parse(raw: bytes) -> Command:
    """Read a command set; always implicit VR little endian (PS3.7 6.3.1).

    Raises
    ------
    Violation
        When it is none, or lacks what every request has.
    """
    fields: dict[int, bytes] = {}
    at, size = 0, len(raw)
    while at < size:
        if size - at < _HEADER:
            raise Violation("command set cut short")
        group, element, length = _ELEMENT.unpack_from(raw, at)
        at += _HEADER
        if group or length > size - at:
            raise Violation("not a command set")
        fields[element] = raw[at : at + length]
        at += length
    try:
        (field,), (data,) = _US.unpack(fields[_FIELD]), _US.unpack(fields[_DATA])
        (message,) = _US.unpack(fields.get(_MESSAGE) or fields[_ANSWERED])
        event_type = _US.unpack(fields[_EVENT_TYPE])[0] if fields.get(_EVENT_TYPE) else 0
        status = _US.unpack(fields[_STATUS])[0] if field & RESPONSE else 0
    except (KeyError, struct.error) as error:
        raise Violation("command set lacks a field") from error
    return Command(
        field=field,
        message_id=message,
        has_data_set=data != _NO_DATA_SET,
        sop_class_uid=_text(fields.get(_CLASS) or fields.get(_REQUESTED_CLASS, b"")),
        sop_instance_uid=_text(fields.get(_INSTANCE) or fields.get(_REQUESTED_INSTANCE, b"")),
        event_type=event_type,
        status=status,
        comment=_text(fields.get(_COMMENT, b"")),
    )


def store_request(sop_class_uid: str, sop_instance_uid: str, number: int) -> bytes:
    """The command set of a C-STORE request of medium priority (PS3.7 table 9.3-1)."""
    body = b"".join(
        (
            _element(_CLASS, _padded(sop_class_uid.encode(), b"\0")),
            _element(_FIELD, _US.pack(C_STORE)),
            _element(_MESSAGE, _US.pack(number)),
            _element(_PRIORITY, _US.pack(0)),
            _element(_DATA, _US.pack(_DATA_SET)),
            _element(_INSTANCE, _padded(sop_instance_uid.encode(), b"\0")),
        )
    )
    return _element(0x0000, struct.pack("<L", len(body))) + body


def response(request: Command, context_id: int, status: int, comment: str = "") -> bytes:
    """The P-DATA-TF that answers a request without a data set. UIDs that are none are not given back."""
    said = _ANSWER.pack(
        *(0, _FIELD, 2, request.field | RESPONSE), *(0, _ANSWERED, 2, request.message_id),
        *(0, _DATA, 2, _NO_DATA_SET), *(0, _STATUS, 2, status),
    )  # fmt: skip
    body = b"".join(
        (_uid(_CLASS, request.sop_class_uid), said, _comment(comment), _uid(_INSTANCE, request.sop_instance_uid))
    )
    head = _PDU.pack(Kind.P_DATA, 0, len(body) + 18, len(body) + 14, context_id, 3)
    return b"".join((head, _GROUP_LENGTH.pack(0, 0, 4, len(body)), body))


def _text(raw: bytes) -> str:
    return raw.rstrip(b"\0 ").decode("ascii", "replace")


def _uid(element: int, uid: str) -> bytes:
    return _element(element, _padded(uid.encode(), b"\0")) if is_uid(uid) else b""


def _comment(text: str) -> bytes:
    shown = text[:_LONGEST_COMMENT].encode("ascii", "replace")
    return _element(_COMMENT, _padded(shown, b" ")) if shown else b""


def _padded(value: bytes, filler: bytes) -> bytes:
    return value + filler * (len(value) % 2)


def _element(element: int, value: bytes) -> bytes:
    return _ELEMENT.pack(0, element, len(value)) + value
