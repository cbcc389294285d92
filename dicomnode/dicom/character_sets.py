"""Decode text of any Specific Character Set (PS3.3 C.12.1.1.2, PS3.5 section 6.1), never failing.

pydicom decodes the same tables but reports faults as Python warnings, which are process-wide state; a
receiver with many threads needs the fault as a value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

_FRAGMENT = re.compile(rb"\x1b\$?[()\-]?.|[^\x1b]+|\x1b", re.DOTALL)
_UNKNOWN = "ascii"
_BY_PLAIN_NAME = {re.sub(r"[\W_]", "", name).upper(): codec for name, codec in python_encoding.items()}
_STATEFUL = frozenset({"iso2022_jp", "iso2022_jp_2"})  # these Python codecs want to see the escape sequence


def codecs_of(character_sets: Sequence[str]) -> tuple[str, ...]:
    """Python codecs of the values of Specific Character Set; misspelt terms are understood, unknown ones ASCII."""
    names = [re.sub(r"[\W_]", "", name).upper() for name in character_sets] or [""]
    codecs = [_BY_PLAIN_NAME.get(name, _UNKNOWN) for name in names]
    return tuple("ascii" if name in ("", "ISOIR6", "ISO2022IR6") else c for name, c in zip(names, codecs, strict=True))


def decode(raw: bytes, codecs: Sequence[str], delimiters: bytes) -> tuple[str, bool]:
    """Text of encoded bytes, and whether every byte was understood.

    Parameters
    ----------
    raw : bytes
        The value as stored.
    codecs : sequence of str
        From :func:`codecs_of`; the first one holds until an escape sequence designates another.
    delimiters : bytes
        Characters after which the first codec holds again (PS3.5 section 6.1.2.5.3).

    Returns
    -------
    str, bool
        What could not be understood is U+FFFD in the text; ASCII declared or implied is read as Latin-1.
    """
    if b"\x1b" not in raw:
        return _plain(raw, codecs[0])
    texts: list[str] = []
    sound, codec, escape = True, codecs[0], b""
    for fragment in _FRAGMENT.findall(raw):
        if fragment[:1] == b"\x1b":
            codec, escape = CODES_TO_ENCODINGS.get(fragment, ""), fragment
            codec = "ascii" if codec == "iso8859" else codec
            sound = sound and bool(codec)
            continue
        for text, understood in _spans(fragment, codec or codecs[0], codecs[0], escape, delimiters):
            texts.append(text)
            sound = sound and understood
    return "".join(texts), sound


def _spans(fragment: bytes, codec: str, first: str, escape: bytes, delimiters: bytes) -> list[tuple[str, bool]]:
    if codec in _STATEFUL:
        return [_plain(escape + fragment, codec)]
    end = next((n for n, byte in enumerate(fragment) if byte in delimiters), len(fragment))
    return [_plain(fragment[:end], codec), _plain(fragment[end:], first)]


def _plain(raw: bytes, codec: str) -> tuple[str, bool]:
    try:
        return raw.decode(codec), True
    except UnicodeError:
        return raw.decode("latin_1" if codec == "ascii" else codec, errors="replace"), False
