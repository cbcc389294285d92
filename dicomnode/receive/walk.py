"""Walk an encoded data set without decoding it, to prove every length and to learn whose instance it is.

PS3.5 clause 7 describes the encoding. The walk is a loop, not a recursion, so no nesting can exhaust the stack. It
visits every element header, steps over values, and keeps what a header is read from (`dicomnode.dicom.header`). Pixel
data are never decoded: of encapsulated pixel data (PS3.5 annex A.4) the fragments are counted off to their delimiter.
The data set may come in pieces cut anywhere; of each the walk keeps no more than the header, or value, that was cut.
Of a sequence that a header is read from it keeps the whole, up to the length of the longest value.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from dicomnode.dicom.attributes import LONGEST_VALUE, NAMED, WANTED
from dicomnode.dicom.elements import SHORT_VRS
from dicomnode.errors import NotUnderstood
from dicomnode.receive.inflate import Inflation

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
NATIVE = frozenset({IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG})

DEEPEST = 64
"""Sequences inside sequences; real objects stay below ten."""
LONGEST_IDENTIFIER = 0xFFFE
"""Bytes of an identifying value: what a length of 16 bits can say."""

SOP_CLASS, SOP_INSTANCE, PATIENT_ID, STUDY, SERIES = 0x00080016, 0x00080018, 0x00100020, 0x0020000D, 0x0020000E
_IDENTIFYING = frozenset({SOP_CLASS, SOP_INSTANCE, PATIENT_ID, STUDY, SERIES})
_FIRST_GROUP, _PIXEL_GROUP, _PIXEL_DATA = 0x0008, 0x7FE0, 0x7FE00010
_UNKNOWN = sys.maxsize  # where the data set ends, as long as pieces may come
_DELIMITERS, _ITEM, _END_OF_ITEM, _END_OF_SEQUENCE = 0xFFFE, 0xE000, 0xE00D, 0xE0DD
_UNDEFINED = 0xFFFFFFFF
_LONGEST_HEADER = len(WANTED) * LONGEST_VALUE
_SHORT_HEADER = struct.Struct("<HH2sH").unpack_from
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Found(NamedTuple):
    """What was kept: whole elements, as they are encoded."""

    named: Mapping[int, bytes]
    """Those that tell whose instance it is, by tag (`dicomnode.dicom.attributes.NAMED`)."""
    encoded: bytes
    """All that a header is read from, one after the other."""


def walk(data_set: bytes | memoryview, transfer_syntax_uid: str) -> Found:
    """Prove that a data set is whole and take the elements of its header from it: `Walk` in one step.

    Raises
    ------
    NotUnderstood
        When any length, tag or delimiter is not what the transfer syntax demands.
    """
    whole = Walk(transfer_syntax_uid)
    whole.feed(data_set)
    return whole.finish()


class Walk:
    """The proof that a data set is whole, piece by piece.

    Parameters
    ----------
    transfer_syntax_uid : str
        Any that is not one of the four native ones is explicit VR little endian with encapsulated pixel data.
    """

    def __init__(self, transfer_syntax_uid: str) -> None:
        coding = {IMPLICIT_LITTLE: _IMPLICIT, EXPLICIT_BIG: _BIG}.get(transfer_syntax_uid, _EXPLICIT)
        self._walker = _Walker(coding, encapsulated=transfer_syntax_uid not in NATIVE)
        self._inflation = Inflation() if transfer_syntax_uid == DEFLATED_LITTLE else None

    def feed(self, piece: bytes | memoryview) -> None:
        """Walk on through the next bytes of the encoded data set, without preamble and File Meta Information.

        Raises
        ------
        NotUnderstood
            When any length, tag or delimiter is not what the transfer syntax demands.
        """
        if self._inflation is None:
            self._walker.feed(piece)
        else:
            for inflated in self._inflation.feed(piece):
                self._walker.feed(inflated)

    @property
    def at_pixels(self) -> bool:
        """Whether the header is over: pixel data, or what follows them, have begun."""
        return self._walker.last_tag >> 16 >= _PIXEL_GROUP

    def finish(self) -> Found:
        """What its header says, when there are no more bytes.

        Raises
        ------
        NotUnderstood
            When the data set is not over where its bytes are.
        """
        if self._inflation is not None:
            self._inflation.finish()
        self._walker.finish()
        return Found(self._walker.named, bytes(self._walker.encoded))


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
    """The walk's place in the data set and what is open around it. Places count from the start of the data set."""

    def __init__(self, coding: _Coding, *, encapsulated: bool) -> None:
        self.named: dict[int, bytes] = {}
        self.encoded = bytearray()
        self._encapsulated = encapsulated
        self._window = memoryview(b"")
        self._base = 0  # place of the window's first byte
        self._end = 0  # place behind the last byte that came
        self._at = 0  # place of the next header; may lie ahead of the bytes that came
        self._level = _Level(_Holds.ELEMENTS, _UNKNOWN, False, coding)
        self._outer: list[_Level] = []
        self.last_tag = -1
        self._sequence: tuple[int, int] | None = None  # places of an open sequence that is kept, and of its value

    def feed(self, piece: bytes | memoryview) -> None:
        """Visit every header that is there as a whole."""
        cut = self._window
        self._window = memoryview(b"".join((cut, piece)) if cut else piece)
        self._base, self._end = self._end - len(cut), self._end + len(piece)
        while True:
            if self._level.coding is _EXPLICIT and self._level.holds is _Holds.ELEMENTS:
                self._stride()
            if not self._step():
                break
        if len(self.encoded) > _LONGEST_HEADER:
            raise NotUnderstood("elements are repeated without end")
        # The piece is lent to us until we return: what is cut off is copied, at most a value that is kept.
        if self._sequence and self._end - self._sequence[1] > LONGEST_VALUE:
            self._sequence = None
        needed = self._sequence[0] if self._sequence else self._at
        self._window = memoryview(bytes(self._window[max(0, needed - self._base) :]))
        self._base = self._end - len(self._window)

    def finish(self) -> None:
        """There are no more bytes: everything must be closed here."""
        if not self._end:
            raise NotUnderstood("the data set is empty")
        if self._at != self._end or self._outer:
            raise _ends()

    def _stride(self) -> None:
        """Visit, and do no more than they need, the elements most data sets consist of: explicit, with short headers.

        Ends before the first that is anything else, or that must be judged closer.
        """
        window, base, top = self._window, self._base, not self._outer
        at, stop, size = self._at - base, self._level.stop - base, len(window)
        last, kept = self.last_tag, -1  # where the elements begin that are kept and not copied yet
        while at + 8 <= size:
            group, element, written_vr, length = _SHORT_HEADER(window, at)
            end = at + 8 + length
            if written_vr not in SHORT_VRS or not _FIRST_GROUP <= group < _PIXEL_GROUP or end > stop:
                break
            if top:
                tag = group << 16 | element
                if tag in WANTED and 0 < length <= LONGEST_VALUE:
                    if end > size or (tag in _IDENTIFYING and tag <= last):
                        break
                    if kept < 0:
                        kept = at
                    if tag in NAMED:
                        self.named[tag] = bytes(window[at:end])
                elif tag in _IDENTIFYING:
                    break
                elif kept >= 0:
                    self.encoded += window[kept:at]
                    kept = -1
                last = tag
            at = end
        if kept >= 0:
            self.encoded += window[kept:at]
        self._at, self.last_tag = base + at, last

    def _step(self) -> bool:
        """Visit one header, of any kind; False when it has not come yet."""
        if self._sequence and self._at > self._end:
            return False
        while self._outer and self._at == self._level.stop and not self._level.delimited:
            self._leave()
        self._need(8 if self._outer else 0)
        if self._end - self._at < 8:
            return False
        group, element = self._level.coding.tag(self._window, self._at - self._base)
        if group == _DELIMITERS:
            self._delimiter(element)
            return True
        if self._level.holds is _Holds.ELEMENTS:
            return self._element(group << 16 | element)
        raise NotUnderstood("an element stands where an item must")

    def _delimiter(self, element: int) -> None:
        (length,) = self._level.coding.long(self._window, self._at - self._base + 4)
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
            self._leave()
        else:
            raise NotUnderstood("an item or delimiter in the wrong place")

    def _element(self, tag: int) -> bool:
        header = self._header()
        if header is None:
            return False
        vr, length, head = header
        undefined = length == _UNDEFINED
        sequence = vr == b"SQ" or (undefined and vr in (b"UN", b""))
        if not self._outer and not self._note(tag, head, length, simple=not sequence and not undefined):
            return False
        begin, self._at = self._at, self._at + head
        if tag == _PIXEL_DATA and undefined and self._encapsulated:
            self._enter(_Holds.FRAGMENTS, length, self._level.coding)
        elif sequence and tag != _PIXEL_DATA:
            if not self._outer and tag in WANTED:
                self._sequence = begin, self._at
            # PS3.5 6.2.2, note on UN: what is inside a UN of undefined length is implicit VR little endian.
            self._enter(_Holds.ITEMS, length, _IMPLICIT if vr == b"UN" else self._level.coding)
        elif undefined:
            raise NotUnderstood("an undefined length without a sequence")
        else:
            self._skip(length)
        return True

    def _header(self) -> tuple[bytes, int, int] | None:
        """VR (empty when implicit), length of the value and length of the header; None when it has not come yet."""
        window, at, coding = self._window, self._at - self._base, self._level.coding
        if not coding.explicit:
            return b"", coding.long(window, at + 4)[0], 8
        vr = bytes(window[at + 4 : at + 6])
        if vr in SHORT_VRS:
            return vr, coding.short(window, at + 6)[0], 8
        if vr[0] not in _LETTERS or vr[1] not in _LETTERS:
            raise NotUnderstood("no value representation where one must be")
        self._need(12)
        return (vr, coding.long(window, at + 8)[0], 12) if len(window) - at >= 12 else None

    def _note(self, tag: int, head: int, length: int, *, simple: bool) -> bool:
        """Keep what a header is read from. Identifying values must be unmistakable: simple, once, in their place."""
        if tag >> 16 < _FIRST_GROUP:
            raise NotUnderstood("a group that has no place in a data set")
        if tag in _IDENTIFYING:
            if not simple or tag <= self.last_tag:
                raise NotUnderstood("an identifying element is repeated, out of order or a sequence")
            if length > LONGEST_IDENTIFIER:
                raise NotUnderstood("an identifying value is longer than any can be")
        if simple and tag in WANTED and 0 < length <= LONGEST_VALUE:
            begin = self._at - self._base
            end = begin + head + length
            if len(self._window) < end:
                return False
            self._keep(tag, begin, end)
        self.last_tag = tag
        return True

    def _enter(self, holds: _Holds, length: int, coding: _Coding) -> None:
        self._outer.append(self._level)
        if len(self._outer) > 2 * DEEPEST:  # a sequence and its item are two levels
            raise NotUnderstood("sequences are nested too deep")
        if length == _UNDEFINED:
            self._level = _Level(holds, self._level.stop, True, coding)
        else:
            self._need(length)
            self._level = _Level(holds, self._at + length, False, coding)

    def _leave(self) -> None:
        self._level = self._outer.pop()
        if self._sequence and not self._outer:
            (begin, start), self._sequence = self._sequence, None
            if 0 < self._at - start <= LONGEST_VALUE:
                self._keep(self.last_tag, begin - self._base, self._at - self._base)

    def _keep(self, tag: int, begin: int, end: int) -> None:
        element = bytes(self._window[begin:end])
        self.encoded += element
        if tag in NAMED:
            self.named[tag] = element

    def _skip(self, length: int) -> None:
        self._need(length)
        self._at += length

    def _need(self, length: int) -> None:
        if length > self._level.stop - self._at:
            raise _ends()


def _ends() -> NotUnderstood:
    return NotUnderstood("the data set ends, or an item does, in the middle of an element")
