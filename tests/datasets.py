"""Encoded data sets written element by element, so that a test can also write them wrong."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"

SOP_CLASS, SOP_INSTANCE, PATIENT_ID, STUDY, SERIES = 0x00080016, 0x00080018, 0x00100020, 0x0020000D, 0x0020000E
PIXEL_DATA = 0x7FE00010
UNDEFINED = 0xFFFFFFFF

_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})


@dataclass(frozen=True)
class Writer:
    """Writes elements in one of the three uncompressed encodings."""

    explicit: bool = True
    order: str = "<"

    def element(self, tag: int, vr: str, value: bytes | str, length: int | None = None) -> bytes:
        """One element; `length` may lie about the value."""
        raw = value.encode() if isinstance(value, str) else value
        raw += (b" " if vr in ("LO", "PN", "CS") else b"\0") * (len(raw) % 2)
        said = len(raw) if length is None else length
        head = struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)
        if not self.explicit:
            head += struct.pack(self.order + "L", said)
        elif vr in _LONG:
            head += vr.encode() + bytes(2) + struct.pack(self.order + "L", said)
        else:
            head += vr.encode() + struct.pack(self.order + "H", said)
        return head + raw

    def item(self, content: bytes, *, undefined: bool = False) -> bytes:
        """One item of a sequence, or one fragment."""
        end = self.mark(0xE00D) if undefined else b""
        return self.mark(0xE000, UNDEFINED if undefined else len(content)) + content + end

    def sequence(self, tag: int, *items: bytes, undefined: bool = False) -> bytes:
        """A sequence of items that are already written."""
        content = b"".join(items)
        end = self.mark(0xE0DD) if undefined else b""
        return self.element(tag, "SQ", content + end, UNDEFINED if undefined else len(content))

    def encapsulated(self, *fragments: bytes, closed: bool = True) -> bytes:
        """Pixel data in fragments behind an empty offset table."""
        content = b"".join(self.item(fragment) for fragment in (b"", *fragments))
        return self.element(PIXEL_DATA, "OB", content + (self.mark(0xE0DD) if closed else b""), UNDEFINED)

    def mark(self, element: int, length: int = 0) -> bytes:
        """An item tag or a delimiter."""
        return struct.pack(self.order + "HHL", 0xFFFE, element, length)


LITTLE = Writer()
WRITERS = {IMPLICIT_LITTLE: Writer(explicit=False), EXPLICIT_LITTLE: LITTLE, EXPLICIT_BIG: Writer(order=">")}


def mr_elements(
    instance: str = "1.2.3.4", *, study: str = "1.2.3", series: str = "1.2.3.1", patient: str = "P1"
) -> dict[int, tuple[str, bytes | str]]:
    """Tag to VR and value of a minimal MR image without pixels."""
    return {
        SOP_CLASS: ("UI", MR_IMAGE),
        SOP_INSTANCE: ("UI", instance),
        0x00080060: ("CS", "MR"),
        PATIENT_ID: ("LO", patient),
        STUDY: ("UI", study),
        SERIES: ("UI", series),
    }


def data_set(
    elements: Mapping[int, tuple[str, bytes | str]], pixels: bytes = bytes(8), writer: Writer = LITTLE
) -> bytes:
    """The elements in the order of their tags, and native pixel data."""
    body = b"".join(writer.element(tag, *elements[tag]) for tag in sorted(elements))
    return body + writer.element(PIXEL_DATA, "OW", pixels)


def mr(
    instance: str = "1.2.3.4",
    *,
    study: str = "1.2.3",
    series: str = "1.2.3.1",
    patient: str = "P1",
    pixels: bytes = bytes(8),
    writer: Writer = LITTLE,
) -> bytes:
    """A minimal MR image."""
    return data_set(mr_elements(instance, study=study, series=series, patient=patient), pixels, writer)
