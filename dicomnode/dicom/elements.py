"""Walk the data elements of an encoded data set (PS3.5 section 7) without decoding values."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)

from dicomnode.errors import NotUnderstood

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
SHORT_VRS = frozenset(
    {
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO",
        b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
    }
)  # fmt: skip
"""Those whose length has 16 bits; that of all others, present and future, has 32 (PS3.5 tables 7.1-1 and 7.1-2)."""
_TAG = {order: Struct(order + "HH").unpack_from for order in "<>"}
_SHORT = {order: Struct(order + "H").unpack_from for order in "<>"}
_LONG = {order: Struct(order + "L").unpack_from for order in "<>"}
_INFLATE_LIMIT = 64 << 20  # a header is far smaller; a bomb is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How the elements of a data set are written."""

    implicit: bool
    order: str
    """``<`` for little endian, ``>`` for big endian."""


class Element(NamedTuple):
    """One data element: where it lies in the data set, and where its value does."""

    tag: int
    vr: str
    """Two letters; empty in implicit VR."""
    begin: int
    start: int
    end: int


def open_data_set(data_set: bytes | memoryview, transfer_syntax_uid: str) -> tuple[bytes | memoryview, Encoding]:
    """The readable form of an encoded data set: inflated where it is deflated, and how it is written.

    Raises
    ------
    NotUnderstood
        When a deflated data set cannot be inflated.
    """
    if transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        try:
            data_set = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data_set, _INFLATE_LIMIT)
        except zlib.error as error:
            raise NotUnderstood("the data set is not deflated as its transfer syntax says") from error
    return data_set, encoding_of(transfer_syntax_uid)


@lru_cache(64)
def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """How the elements of a transfer syntax are written.

    One we have not heard of is explicit little endian, as every encapsulated one is (PS3.5 section A.4).
    """
    return Encoding(
        implicit=transfer_syntax_uid == ImplicitVRLittleEndian,
        order=">" if transfer_syntax_uid == ExplicitVRBigEndian else "<",
    )


def walk(
    data_set: bytes | memoryview, encoding: Encoding, stop_at: int = 0xFFFFFFFF, *, start_at: int = 0
) -> Iterator[Element]:
    """The top-level elements in order, as long as their tags lie from ``start_at`` to before ``stop_at``.

    Sequences are stepped over, at any depth.

    Raises
    ------
    NotUnderstood
        When a length leads outside the data set or the bytes are not elements of this encoding.
    """
    position, size = 0, len(data_set)
    while position < size:
        if size - position >= 4 and not start_at <= _tag(data_set, position, encoding) < stop_at:
            return
        begin = position
        tag, vr, length, position = _element(data_set, begin, encoding)
        end = _end_of_undefined(data_set, position, vr, encoding) if length == _UNDEFINED else position + length
        if end > size:
            raise NotUnderstood(f"element {_name(tag)} ends outside the data set")
        yield Element(tag, vr.decode("ascii"), begin, position, end)
        position = end


def value_of(element: bytes, encoding: Encoding) -> tuple[str, bytes]:
    """Value representation (empty in implicit VR) and encoded value, padding included, of one whole element."""
    if encoding.implicit:
        return "", element[8:]
    vr = element[4:6]
    return vr.decode("ascii"), element[8 if vr in SHORT_VRS else 12 :]


def items(sequence: memoryview, encoding: Encoding) -> Iterator[memoryview]:
    """The items of a sequence's value.

    Raises
    ------
    NotUnderstood
        When an item ends outside the sequence or something that is no item stands between them.
    """
    position, size = 0, len(sequence)
    while position < size:
        tag, _, length, position = _element(sequence, position, encoding)
        if tag == _SEQUENCE_END:
            return
        end = _end_of_undefined(sequence, position, b"", encoding) if length == _UNDEFINED else position + length
        if tag != _ITEM or end > size:
            raise NotUnderstood("a sequence does not hold whole items")
        yield sequence[position:end]
        position = end


def _tag(data_set: bytes | memoryview, position: int, encoding: Encoding) -> int:
    group, number = _TAG[encoding.order](data_set, position)
    return int(group) << 16 | int(number)


def _element(data_set: bytes | memoryview, position: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """Tag, VR, length and start of the value of the element at ``position``."""
    if position + 8 > len(data_set):
        raise NotUnderstood("the data set ends inside an element header")
    tag = _tag(data_set, position, encoding)
    if encoding.implicit or tag >> 16 == 0xFFFE:
        return tag, b"", _LONG[encoding.order](data_set, position + 4)[0], position + 8
    vr = bytes(data_set[position + 4 : position + 6])
    if not (vr.isalpha() and vr.isupper()):
        raise NotUnderstood(f"element {_name(tag)} has no value representation")
    if vr in SHORT_VRS:
        return tag, vr, _SHORT[encoding.order](data_set, position + 6)[0], position + 8
    if position + 12 > len(data_set):
        raise NotUnderstood("the data set ends inside an element header")
    return tag, vr, _LONG[encoding.order](data_set, position + 8)[0], position + 12


def _end_of_undefined(data_set: bytes | memoryview, position: int, vr: bytes, encoding: Encoding) -> int:
    """Position behind the delimiter that closes a value of undefined length; items may nest without limit."""
    implicit = Encoding(implicit=True, order="<")
    open_items = [implicit if vr == b"UN" else encoding]  # PS3.5 section 6.2.2, note 2
    while open_items:
        try:
            tag, vr, length, position = _element(data_set, position, open_items[-1])
        except NotUnderstood:
            if open_items[-1].implicit or position + 8 > len(data_set):
                raise
            # some writers fall back to implicit VR inside private sequences
            tag, vr, length, position = _element(data_set, position, Encoding(implicit=True, order=encoding.order))
        if tag in (_ITEM_END, _SEQUENCE_END):
            open_items.pop()
        elif length == _UNDEFINED:
            open_items.append(implicit if vr == b"UN" else open_items[-1])
        else:
            position += length
    return position


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
