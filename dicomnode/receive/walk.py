"""Walk an encoded data set without decoding it, to prove every length and to learn whose instance it is.

PS3.5 clause 7 describes the encoding. The walk is a loop, not a recursion, so no nesting can exhaust the stack. It
visits every element header, steps over values, and keeps the few that identify the instance. Pixel data are never
decoded: of encapsulated pixel data (PS3.5 annex A.4) the fragments are counted off to their delimiter.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple

from dicomnode.errors import NotUnderstood

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG})

DEEPEST = 64
"""Sequences inside sequences; real objects stay below ten."""
DEFLATE_FREE, DEFLATE_RATIO = 64 << 20, 32
"""A deflated data set may grow to the first figure in bytes, above that only to this multiple of what came."""

_SOP_CLASS, _SOP_INSTANCE, _PATIENT_ID, _STUDY, _SERIES = 0x00080016, 0x00080018, 0x00100020, 0x0020000D, 0x0020000E
_IDENTIFYING = frozenset({_SOP_CLASS, _SOP_INSTANCE, _PATIENT_ID, _STUDY, _SERIES})
_PIXEL_DATA = 0x7FE00010
_DELIMITERS, _ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFE, 0xE000, 0xE00D, 0xE0DD
_UNDEFINED = 0xFFFFFFFF
_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO"}
    | {b"LT", b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
)
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The identifying values as they are encoded, padding included; empty when absent."""

    sop_class_uid: bytes
    sop_instance_uid: bytes
    study_instance_uid: bytes
    series_instance_uid: bytes
    patient_id: bytes


def walk(data_set: bytes, transfer_syntax_uid: str) -> Identity:
    """Prove that a data set is whole and take its identity from it.

    Parameters
    ----------
    data_set : bytes
        The encoded data set, without preamble and File Meta Information.
    transfer_syntax_uid : str
        Any that is not one of the four native ones is explicit VR little endian with encapsulated pixel data.

    Raises
    ------
    NotUnderstood
        When any length, tag or delimiter is not what the transfer syntax demands.
    """
    if transfer_syntax_uid == DEFLATED_LITTLE:
        data_set = _inflate(data_set)
    if not data_set:
        raise NotUnderstood("the data set is empty")
    coding = {IMPLICIT_LITTLE: _IMPLICIT, EXPLICIT_BIG: _BIG}.get(transfer_syntax_uid, _EXPLICIT)
    walker = _Walker(memoryview(data_set), coding, encapsulated=transfer_syntax_uid not in NATIVE)
    walker.run()
    return Identity(
        sop_class_uid=walker.found.get(_SOP_CLASS, b""),
        sop_instance_uid=walker.found.get(_SOP_INSTANCE, b""),
        study_instance_uid=walker.found.get(_STUDY, b""),
        series_instance_uid=walker.found.get(_SERIES, b""),
        patient_id=walker.found.get(_PATIENT_ID, b""),
    )


def _inflate(deflated: bytes) -> bytes:
    """PS3.5 annex A.5: a bare RFC 1951 stream, padded to even length with one zero byte."""
    most = max(DEFLATE_FREE, DEFLATE_RATIO * len(deflated))
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data_set = stream.decompress(deflated, most)
    except zlib.error as error:
        raise NotUnderstood("not a deflated stream") from error
    if len(data_set) >= most:
        raise NotUnderstood("the deflated data set grows beyond reason")
    if not stream.eof:
        raise NotUnderstood("the deflated stream is cut short")
    # Writers that took gzip for deflate leave its trailer (RFC 1952 2.3.1) behind; it may stay where it is true.
    gzip_trailer = struct.pack("<LL", zlib.crc32(data_set), len(data_set))
    if stream.unused_data.removeprefix(gzip_trailer) not in (b"", b"\0"):
        raise NotUnderstood("bytes after the deflated stream")
    return data_set


class _Coding(NamedTuple):
    """How element headers are written."""

    explicit: bool
    tag: Callable[[memoryview, int], tuple[Any, ...]]
    short: Callable[[memoryview, int], tuple[Any, ...]]
    long: Callable[[memoryview, int], tuple[Any, ...]]


def _coding(order: str, *, explicit: bool) -> _Coding:
    tag, short, long = (struct.Struct(order + form).unpack_from for form in ("HH", "H", "L"))
    return _Coding(explicit, tag, short, long)


_IMPLICIT, _EXPLICIT, _BIG = _coding("<", explicit=False), _coding("<", explicit=True), _coding(">", explicit=True)


class _Holds(Enum):
    ELEMENTS = auto()
    ITEMS = auto()
    FRAGMENTS = auto()


class _Level(NamedTuple):
    """Something open: the data set, a sequence, an item or encapsulated pixel data."""

    holds: _Holds
    stop: int
    """Where it ends; where it must have ended at the latest when a delimiter closes it."""
    delimited: bool
    coding: _Coding


class _Walker:
    """The walk's place in the data set and what is open around it."""

    def __init__(self, data_set: memoryview, coding: _Coding, *, encapsulated: bool) -> None:
        self.found: dict[int, bytes] = {}
        self._data_set = data_set
        self._encapsulated = encapsulated
        self._at = 0
        self._level = _Level(_Holds.ELEMENTS, len(data_set), False, coding)
        self._outer: list[_Level] = []
        self._last_tag = -1

    def run(self) -> None:
        """Visit every header once."""
        while True:
            while self._outer and self._at == self._level.stop and not self._level.delimited:
                self._level = self._outer.pop()
            if not self._outer and self._at == self._level.stop:
                return
            self._need(8)
            group, element = self._level.coding.tag(self._data_set, self._at)
            if group == _DELIMITERS:
                self._delimiter(element)
            elif self._level.holds is _Holds.ELEMENTS:
                self._element(group << 16 | element)
            else:
                raise NotUnderstood("an element stands where an item must")

    def _delimiter(self, element: int) -> None:
        (length,) = self._level.coding.long(self._data_set, self._at + 4)
        self._at += 8
        holds = self._level.holds
        if element == _ITEM and holds is _Holds.ITEMS:
            self._enter(_Holds.ELEMENTS, length, self._level.coding)
        elif element == _ITEM and holds is _Holds.FRAGMENTS:
            self._skip(length)
        elif (
            length == 0
            and self._level.delimited
            and element == (_END_OF_ITEM if holds is _Holds.ELEMENTS else _END_OF_SEQUENCE)
        ):
            self._level = self._outer.pop()
        else:
            raise NotUnderstood("an item or delimiter in the wrong place")

    def _element(self, tag: int) -> None:
        vr, length, head = self._header()
        undefined = length == _UNDEFINED
        sequence = vr == b"SQ" or (undefined and vr in (b"UN", b""))
        self._at += head
        if not self._outer:
            self._note(tag, length, simple=not sequence and not undefined)
        if tag == _PIXEL_DATA and undefined and self._encapsulated:
            self._enter(_Holds.FRAGMENTS, length, self._level.coding)
        elif sequence and tag != _PIXEL_DATA:
            # PS3.5 6.2.2, note on UN: what is inside a UN of undefined length is implicit VR little endian.
            self._enter(_Holds.ITEMS, length, _IMPLICIT if vr == b"UN" else self._level.coding)
        elif undefined:
            raise NotUnderstood("an undefined length without a sequence")
        else:
            self._skip(length)

    def _header(self) -> tuple[bytes, int, int]:
        """VR (empty when implicit), length of the value and length of the header."""
        data_set, at, coding = self._data_set, self._at, self._level.coding
        if not coding.explicit:
            return b"", coding.long(data_set, at + 4)[0], 8
        vr = bytes(data_set[at + 4 : at + 6])
        if vr in _SHORT_VRS:
            return vr, coding.short(data_set, at + 6)[0], 8
        if vr[0] not in _LETTERS or vr[1] not in _LETTERS:
            raise NotUnderstood("no value representation where one must be")
        self._need(12)
        return vr, coding.long(data_set, at + 8)[0], 12

    def _note(self, tag: int, length: int, *, simple: bool) -> None:
        """Keep identifying values; they must be unmistakable: simple, once, and in their place."""
        if tag < 0x00080000:
            raise NotUnderstood("a group that has no place in a data set")
        if tag in _IDENTIFYING:
            if not simple or tag <= self._last_tag:
                raise NotUnderstood("an identifying element is repeated, out of order or a sequence")
            self._need(length)
            self.found[tag] = bytes(self._data_set[self._at : self._at + length])
        self._last_tag = tag

    def _enter(self, holds: _Holds, length: int, coding: _Coding) -> None:
        self._outer.append(self._level)
        if len(self._outer) > 2 * DEEPEST:  # a sequence and its item are two levels
            raise NotUnderstood("sequences are nested too deep")
        if length == _UNDEFINED:
            self._level = _Level(holds, self._level.stop, True, coding)
        else:
            self._need(length)
            self._level = _Level(holds, self._at + length, False, coding)

    def _skip(self, length: int) -> None:
        self._need(length)
        self._at += length

    def _need(self, length: int) -> None:
        if length > self._level.stop - self._at:
            raise NotUnderstood("the data set ends, or an item does, in the middle of an element")
