"""Decode the values of attributes that a header is read from."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from struct import Struct

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from dicomnode.dicom.attributes import CREATORS, INSIDE, PRIVATE, WANTED
from dicomnode.dicom.character_sets import codecs_of, decode
from dicomnode.dicom.elements import Encoding, items, walk
from dicomnode.domain.instance import Fact
from dicomnode.errors import NotUnderstood

_PUBLIC = [keyword for keyword in (*WANTED.values(), *INSIDE.values()) if tag_for_keyword(keyword) is not None]
_VR = {keyword: dictionary_VR(keyword) for keyword in _PUBLIC}
_VR |= dict.fromkeys(CREATORS.values(), "LO") | {keyword: vr for keyword, (_, _, _, vr) in PRIVATE.items()}
_SEVERAL = frozenset(keyword for keyword in _PUBLIC if dictionary_VM(keyword) != "1")

_LONGEST_KNOWN = 128  # bytes
_MOST_KNOWN = 4096
_LONGEST_TEXT = 1024  # characters
_MOST_VALUES = 256
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_BINARY = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_NUMERIC = frozenset({"DS", "IS", *_BINARY})
_LOCALIZED = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "PN"})


def decoded(found: Mapping[str, tuple[str, bytes]], encoding: Encoding) -> tuple[dict[str, Fact], list[str]]:
    """Decoded values by keyword, and the keywords whose text could not be decoded soundly.

    A value is of the kind the dictionary says, however it is written: text in place of a number is no value.
    """
    codecs = _codecs(found.get("SpecificCharacterSet", ("CS", b""))[1])
    values: dict[str, Fact] = {}
    undecodable: list[str] = []
    known = _known(codecs, encoding.order)
    for keyword, (vr, raw) in found.items():
        if keyword in INSIDE:
            value, sound = _of_items(keyword, vr, raw, codecs, encoding.order)
        elif len(raw) <= _LONGEST_KNOWN:
            value, sound = known[keyword, vr, raw]
        else:
            value, sound = _value(keyword, vr, raw, codecs, encoding.order)
        if not sound:
            undecodable.append(keyword)
        if value is not None:
            values[keyword] = value
    return values, undecodable


@lru_cache(256)
def _codecs(character_sets: bytes) -> tuple[str, ...]:
    names = character_sets.decode("ascii", "replace").split("\\")
    return codecs_of([name.strip("\0 ") for name in names])


def _value(keyword: str, written_vr: str, raw: bytes, codecs: tuple[str, ...], order: str) -> tuple[Fact | None, bool]:
    """The value, and whether all of its text was understood."""
    vr, several = _VR[keyword], keyword in _SEVERAL
    written_vr = written_vr if written_vr not in ("", "UN") else vr
    if written_vr in _BINARY:
        numbers = _unpack(raw, written_vr, order) if vr in _NUMERIC else []
        return _numbers(numbers, several=several), True
    localized = vr in _LOCALIZED
    text, sound = decode(raw, codecs if localized else ("ascii",), b"^=\\" if vr == "PN" else b"\\\r\n\t\f")
    return _from_text(text, vr, several=several), sound


def _of_items(
    keyword: str, written_vr: str, raw: bytes, codecs: tuple[str, ...], order: str
) -> tuple[Fact | None, bool]:
    """One attribute of every item of a sequence; a sequence that is none costs its fact and not the image."""
    inner, encoding = INSIDE[keyword], Encoding(implicit=not written_vr, order=order)
    tag = tag_for_keyword(inner)
    if written_vr not in ("", "SQ"):
        return None, True
    try:
        values = [
            _value(inner, element.vr, bytes(item[element.start : element.end]), codecs, order)
            for item in items(memoryview(raw), encoding)
            for element in walk(item, encoding)
            if element.tag == tag
        ]
    except NotUnderstood:
        return None, False
    texts = [text for text, _ in values if isinstance(text, str)]
    return texts[:_MOST_VALUES] or None, all(sound for _, sound in values)


class _Known(dict[tuple[str, str, bytes], tuple[Fact | None, bool]]):
    """Values by keyword, written VR and bytes: most are those of the image before."""

    def __init__(self, codecs: tuple[str, ...], order: str) -> None:
        self._read = partial(_value, codecs=codecs, order=order)

    def __missing__(self, key: tuple[str, str, bytes]) -> tuple[Fact | None, bool]:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        known = self[key] = self._read(*key)
        return known


_known = lru_cache(16)(_Known)


def _unpack(raw: bytes, vr: str, order: str) -> list[float]:
    item = Struct(order + _BINARY[vr])
    whole = len(raw) // item.size * item.size
    return [number for (number,) in item.iter_unpack(raw[:whole])]


def _from_text(text: str, vr: str, *, several: bool) -> Fact | None:
    if vr in _NUMERIC:
        parts = [part.strip("\0 ") for part in text.split("\\")]
        if not all(_NUMBER.fullmatch(part) for part in parts):
            return None
        numbers = [float(part) for part in parts]
        whole = vr not in ("DS", "FL", "FD") and all(number.is_integer() for number in numbers)
        return _numbers([int(number) for number in numbers] if whole else numbers, several=several)
    parts = [_CONTROL.sub(" ", part.strip("\0 ")).strip()[:_LONGEST_TEXT] for part in text.split("\\")]
    if not any(parts):
        return None
    return parts[:_MOST_VALUES] if several else "\\".join(parts)[:_LONGEST_TEXT]


def _numbers(numbers: list[float], *, several: bool) -> Fact | None:
    if not numbers or not all(math.isfinite(number) for number in numbers):
        return None
    return numbers[:_MOST_VALUES] if several else numbers[0]
