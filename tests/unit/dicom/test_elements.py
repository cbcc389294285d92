"""Stepping over elements, whatever is nested in them."""

from __future__ import annotations

import zlib

import pytest

from dicomnode.dicom.elements import Encoding, open_data_set, walk
from dicomnode.errors import NotUnderstood
from tests.datasets import DEFLATED_LITTLE, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, RLE, UNDEFINED, Writer

EXPLICIT = Encoding(implicit=False, order="<")


def tags(data_set: bytes, encoding: Encoding = EXPLICIT, stop_at: int = 0xFFFFFFFF) -> list[tuple[int, str, bytes]]:
    return [(e.tag, e.vr, data_set[e.start : e.end]) for e in walk(data_set, encoding, stop_at)]


@pytest.mark.parametrize(
    ("syntax", "expected"),
    [
        (IMPLICIT_LITTLE, Encoding(implicit=True, order="<")),
        (EXPLICIT_LITTLE, EXPLICIT),
        (EXPLICIT_BIG, Encoding(implicit=False, order=">")),
        (RLE, EXPLICIT),
        ("1.2.3.4.5", EXPLICIT),
    ],
)
def test_encoding_of_a_transfer_syntax(syntax: str, expected: Encoding) -> None:
    assert open_data_set(b"abc", syntax) == (b"abc", expected)


def test_a_deflated_data_set_is_inflated() -> None:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    assert open_data_set(deflate.compress(b"plain") + deflate.flush(), DEFLATED_LITTLE) == (b"plain", EXPLICIT)


def test_what_is_not_deflated_is_said() -> None:
    with pytest.raises(NotUnderstood, match="not deflated"):
        open_data_set(b"\xff\xff\xff\xff", DEFLATED_LITTLE)


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_values_are_found_in_every_encoding(explicit: bool, order: str) -> None:
    write = Writer(explicit=explicit, order=order)
    data_set = write.element(0x00080060, "CS", "MR") + write.element(0x00280010, "US", b"\x01\x02")
    found = tags(data_set, Encoding(implicit=not explicit, order=order))
    assert [(tag, value) for tag, _, value in found] == [(0x00080060, b"MR"), (0x00280010, b"\x01\x02")]
    assert [vr for _, vr, _ in found] == (["CS", "US"] if explicit else ["", ""])


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize("undefined", [True, False])
def test_sequences_are_stepped_over(explicit: bool, undefined: bool) -> None:
    write = Writer(explicit=explicit)
    inner = write.sequence(0x00081150, write.item(write.element(0x00080060, "CS", "CT"), undefined=undefined))
    outer = write.sequence(0x00081140, write.item(inner, undefined=undefined), write.item(b""), undefined=undefined)
    data_set = outer + write.element(0x00080060, "CS", "MR")
    found = tags(data_set, Encoding(implicit=not explicit, order="<"))
    assert [tag for tag, _, _ in found] == [0x00081140, 0x00080060]
    assert found[1][2] == b"MR"


def test_deep_nesting_does_not_recurse() -> None:
    write = Writer()
    opening = write.element(0x00081140, "SQ", b"", UNDEFINED) + write.mark(0xE000, UNDEFINED)
    closing = write.mark(0xE00D) + write.mark(0xE0DD)
    data_set = opening * 5000 + closing * 5000 + write.element(0x00080060, "CS", "MR")
    assert [tag for tag, _, _ in tags(data_set)] == [0x00081140, 0x00080060]


def test_unknown_vr_of_undefined_length_is_implicit_inside() -> None:
    write, implicit = Writer(), Writer(explicit=False)
    content = implicit.item(implicit.element(0x00080060, "CS", "CT"))
    data_set = write.element(0x00091001, "UN", content + write.mark(0xE0DD), UNDEFINED)
    data_set += write.element(0x00080060, "CS", "MR")
    assert [tag for tag, _, _ in tags(data_set)] == [0x00091001, 0x00080060]


def test_walking_stops_before_a_tag_even_when_what_follows_is_broken() -> None:
    data_set = Writer().element(0x00080060, "CS", "MR") + b"\xe0\x7f\x10\x00broken"
    assert [tag for tag, _, _ in tags(data_set, stop_at=0x7FE00008)] == [0x00080060]


@pytest.mark.parametrize(
    "data_set",
    [
        Writer().element(0x00080060, "CS", "MR")[:-1],
        Writer().element(0x00080060, "CS", "MR") + b"\x08\x00",
        Writer().element(0x00080060, "CS", "MR", length=500),
        Writer().element(0x00091001, "OB", b"")[:9],
        Writer().element(0x00081140, "SQ", b"", UNDEFINED),
        Writer(explicit=False).element(0x00080060, "CS", "MR"),
    ],
    ids=["cut value", "cut header", "long length", "cut long header", "sequence never ends", "implicit"],
)
def test_broken_data_sets_are_not_understood(data_set: bytes) -> None:
    with pytest.raises(NotUnderstood):
        tags(data_set)
