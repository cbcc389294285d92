"""The file around a received data set: preamble and File Meta Information (PS3.10 clause 7.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, AETitle
from dicomnode.errors import NotUnderstood

_PREAMBLE = bytes(128) + b"DICM"
_GROUP_LENGTH = struct.Struct("<HH2sHL")
_GROUP_LENGTH_AT = len(_PREAMBLE)
_GROUP_AT = _GROUP_LENGTH_AT + _GROUP_LENGTH.size
_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHL")
_VERSION = _LONG.pack(2, 1, b"OB", 0, 2) + b"\0\1"
_LONGEST_TEXT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMeta:
    """What the file says about its data set."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_aet: AETitle
    """Source Application Entity Title (0002,0016): who sent it to us; empty when the node made the file itself."""


def head(meta: FileMeta) -> bytes:
    """Everything of a DICOM file that stands before its data set.

    The preamble is ours and zero, whatever the sender had: it cannot carry an executable header.
    """
    before, after = _around_instance(meta.sop_class_uid, meta.transfer_syntax_uid, meta.calling_aet)
    instance = _element(0x0003, b"UI", meta.sop_instance_uid)
    length = len(before) + len(instance) + len(after)
    return b"".join((_PREAMBLE, _GROUP_LENGTH.pack(2, 0, b"UL", 4, length), before, instance, after))


def split(file: bytes | memoryview) -> tuple[FileMeta, memoryview]:
    """File Meta Information and data set of a file of this node.

    Raises
    ------
    NotUnderstood
        When the file was not finished.
    """
    if len(file) < _GROUP_AT or file[: len(_PREAMBLE)] != _PREAMBLE:
        raise NotUnderstood("the file ends before its data set")
    end = _GROUP_AT + _GROUP_LENGTH.unpack_from(file, _GROUP_LENGTH_AT)[4]
    if len(file) < end:
        raise NotUnderstood("the file ends before its data set")
    try:
        texts = _texts(bytes(file[_GROUP_AT:end]))
        meta = FileMeta(
            sop_class_uid=texts[0x0002],
            sop_instance_uid=texts[0x0003],
            transfer_syntax_uid=texts[0x0010],
            calling_aet=AETitle(texts.get(0x0016, "")),
        )
    except (KeyError, struct.error, UnicodeDecodeError) as error:
        raise NotUnderstood("the file meta information is torn") from error
    return meta, memoryview(file)[end:]


@lru_cache(256)  # one image's is the next one's
def _around_instance(sop_class_uid: str, transfer_syntax_uid: str, calling_aet: str) -> tuple[bytes, bytes]:
    after = (
        _element(0x0010, b"UI", transfer_syntax_uid),
        _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        _element(0x0016, b"AE", calling_aet),
    )
    return _VERSION + _element(0x0002, b"UI", sop_class_uid), b"".join(after)


def _element(number: int, vr: bytes, text: str) -> bytes:
    # What goes to quarantine may hold any text: it is kept readable, and a length can never be wrong.
    value = text.encode("ascii", "replace")[:_LONGEST_TEXT]
    value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
    return _SHORT.pack(2, number, vr, len(value)) + value


def _texts(group: bytes) -> dict[int, str]:
    texts, at = {}, len(_VERSION)
    while at < len(group):
        _, number, _, length = _SHORT.unpack_from(group, at)
        at += _SHORT.size
        texts[number] = group[at : at + length].rstrip(b"\0 ").decode("ascii")
        at += length
    return texts
