"""The walk: what is whole passes, what is not is refused for its reason."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest

from dicomnode.dicom import elements
from dicomnode.dicom.attributes import LONGEST_VALUE, NAMED, WANTED
from dicomnode.dicom.elements import encoding_of, value_of
from dicomnode.dicom.header import EncodedFacts, data_set_of, read
from dicomnode.errors import NotUnderstood
from dicomnode.receive.inflate import DEFLATE_FREE
from dicomnode.receive.walk import DEEPEST, Found, Walk, walk
from tests.datasets import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LITTLE,
    MR_IMAGE,
    PATIENT_ID,
    PIXEL_DATA,
    RLE,
    SERIES,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    UNDEFINED,
    WRITERS,
    Writer,
    data_set,
    mr,
    mr_elements,
)

WHO = LITTLE.element(SOP_CLASS, "UI", MR_IMAGE) + LITTLE.element(SOP_INSTANCE, "UI", "1.2.3.4")


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def values(found: Found, syntax: str = EXPLICIT_LITTLE) -> dict[int, tuple[str, bytes]]:
    """VR and encoded value of all that was kept; what tells whose instance it is was kept twice alike."""
    encoding = encoding_of(syntax)
    kept = {one.tag: (one.vr, found.encoded[one.start : one.end]) for one in elements.walk(found.encoded, encoding)}
    named = {tag: value_of(element, encoding) for tag, element in found.named.items()}
    assert named == {tag: value for tag, value in kept.items() if tag in NAMED}
    return kept


def refused(content: bytes, syntax: str = EXPLICIT_LITTLE) -> str:
    with pytest.raises(NotUnderstood) as refusal:
        walk(content, syntax)
    return str(refusal.value)


@pytest.mark.parametrize("syntax", WRITERS)
def test_what_a_header_is_read_from_is_kept_in_every_native_encoding(syntax: str) -> None:
    found = values(walk(mr("1.2.3.4.5", writer=WRITERS[syntax]), syntax), syntax)
    assert {tag: found[tag] for tag in (SOP_CLASS, SOP_INSTANCE, STUDY, SERIES, PATIENT_ID)} == {
        SOP_CLASS: ("" if syntax == IMPLICIT_LITTLE else "UI", MR_IMAGE.encode() + b"\0"),
        SOP_INSTANCE: ("" if syntax == IMPLICIT_LITTLE else "UI", b"1.2.3.4.5\0"),
        STUDY: ("" if syntax == IMPLICIT_LITTLE else "UI", b"1.2.3\0"),
        SERIES: ("" if syntax == IMPLICIT_LITTLE else "UI", b"1.2.3.1\0"),
        PATIENT_ID: ("" if syntax == IMPLICIT_LITTLE else "LO", b"P1"),
    }
    assert found.keys() <= WANTED.keys()


def test_what_is_absent_empty_or_absurdly_long_is_not_kept() -> None:
    echo, flip, comments = 0x00180081, 0x00181314, 0x00204000
    content = WHO + LITTLE.element(echo, "DS", "4.6 ") + LITTLE.element(flip, "DS", "")
    for longest, kept in ((LONGEST_VALUE, True), (LONGEST_VALUE + 2, False)):
        found = values(walk(content + LITTLE.element(comments, "LT", b"x" * longest), EXPLICIT_LITTLE))
        assert found[echo] == ("DS", b"4.6 ")
        assert (STUDY in found, flip in found, comments in found) == (False, False, kept)


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", WRITERS)
def test_sequences_are_walked_through(syntax: str, undefined: bool) -> None:
    write = WRITERS[syntax]
    inner = write.element(SOP_INSTANCE, "UI", "9.9")
    nested = write.sequence(0x00081140, write.item(inner, undefined=undefined), write.item(b""), undefined=undefined)
    content = write.element(SOP_INSTANCE, "UI", "1.2") + nested + write.element(STUDY, "UI", "1.3")
    found = values(walk(content, syntax), syntax)
    assert (found[SOP_INSTANCE][1], found[STUDY][1]) == (b"1.2\0", b"1.3\0")


def test_unknown_vr_of_undefined_length_holds_implicit_little_endian_even_in_big_endian() -> None:
    big, implicit = WRITERS[EXPLICIT_BIG], WRITERS[IMPLICIT_LITTLE]
    content = implicit.item(implicit.element(0x00091001, "LO", "AB")) + implicit.mark(0xE0DD)
    walk(big.element(0x00091010, "UN", content, UNDEFINED) + big.element(STUDY, "UI", "1.3"), EXPLICIT_BIG)


def test_unknown_vrs_have_long_headers() -> None:
    # PS3.5 7.1.2: only the listed VRs have a length of 16 bits
    walk(struct.pack("<HH", 0x0009, 0x1010) + b"ZZ\0\0" + struct.pack("<L", 2) + b"xx", EXPLICIT_LITTLE)


def test_encapsulated_pixel_data_are_counted_off() -> None:
    walk(WHO + LITTLE.encapsulated(b"frame1", b"frame2"), RLE)


@pytest.mark.parametrize("lost", range(1, 24))
def test_encapsulated_pixel_data_cut_anywhere_are_refused(lost: int) -> None:
    content = WHO + LITTLE.encapsulated(b"frame1", b"frame2")
    assert "in the middle" in refused(content[:-lost], RLE)


def test_encapsulated_pixel_data_in_a_native_syntax_are_refused() -> None:
    assert refused(WHO + LITTLE.encapsulated(b"frame1")) == "an undefined length without a sequence"


@pytest.mark.parametrize("lost", [1, 2, 8, 15])
@pytest.mark.parametrize("syntax", WRITERS)
def test_native_pixel_data_cut_anywhere_are_refused(syntax: str, lost: int) -> None:
    assert "in the middle" in refused(mr(writer=WRITERS[syntax], pixels=bytes(8))[:-lost], syntax)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the data set is empty"),
        (bytes(64), "no value representation where one must be"),
        (b"<?xml version='1.0'?>" * 9, "no value representation where one must be"),
        (bytes(128) + b"DICM" + mr(), "no value representation where one must be"),
        (LITTLE.element(0x00020010, "UI", RLE) + mr(), "a group that has no place in a data set"),
        (LITTLE.element(0x00000002, "UI", RLE) + mr(), "a group that has no place in a data set"),
        (mr() + LITTLE.element(SOP_INSTANCE, "UI", "9.9"), "an identifying element is repeated"),
        (LITTLE.element(STUDY, "UI", "1.2") + LITTLE.element(PATIENT_ID, "LO", "P"), "an identifying element is"),
        (LITTLE.sequence(PATIENT_ID), "an identifying element is repeated, out of order or a sequence"),
        (LITTLE.element(PIXEL_DATA, "OW", bytes(100), 0xFFFFFFFE), "in the middle of an element"),
        (LITTLE.element(0x00081140, "SQ", LITTLE.item(b""), UNDEFINED), "in the middle of an element"),
        (LITTLE.element(0x00081140, "SQ", WHO), "an element stands where an item must"),
        (WHO + LITTLE.mark(0xE000), "an item or delimiter in the wrong place"),
        (WHO + LITTLE.mark(0xE00D), "an item or delimiter in the wrong place"),
        (WHO + LITTLE.mark(0xE0DD), "an item or delimiter in the wrong place"),
        (LITTLE.sequence(0x00081140, LITTLE.item(b"") + LITTLE.mark(0xE0DD)), "an item or delimiter in the wrong"),
        (LITTLE.sequence(0x00081140, LITTLE.mark(0xE000, 8) + WHO), "in the middle of an element"),
        (LITTLE.sequence(0x00081140, LITTLE.mark(0xE000, 999)), "in the middle of an element"),
        (LITTLE.element(0x00081140, "SQ", LITTLE.mark(0xE0DD, 4), UNDEFINED), "an item or delimiter in the wrong"),
        (LITTLE.element(0x00091010, "OB", bytes(8), UNDEFINED), "an undefined length without a sequence"),
    ],
)
def test_malformed_data_sets_are_refused_for_their_reason(content: bytes, reason: str) -> None:
    assert reason in refused(content)


def test_a_fragment_of_undefined_length_is_refused() -> None:
    content = LITTLE.mark(0xE000, UNDEFINED) + LITTLE.mark(0xE00D) + LITTLE.mark(0xE0DD)
    assert "in the middle" in refused(LITTLE.element(PIXEL_DATA, "OB", content, UNDEFINED), RLE)


def test_bytes_in_another_encoding_are_refused() -> None:
    assert "no value representation" in refused(mr(writer=WRITERS[IMPLICIT_LITTLE]))
    assert refused(mr(), IMPLICIT_LITTLE) == "an identifying value is longer than any can be"
    assert refused(mr(), EXPLICIT_BIG)


@pytest.mark.parametrize("undefined", [False, True])
def test_nesting_is_bound(undefined: bool) -> None:
    def nest(depth: int) -> bytes:
        content = b""
        for _ in range(depth):
            content = LITTLE.sequence(0x0040A730, LITTLE.item(content, undefined=undefined), undefined=undefined)
        return content

    walk(nest(DEEPEST), EXPLICIT_LITTLE)
    assert refused(nest(DEEPEST + 1)) == "sequences are nested too deep"


def test_a_hundred_thousand_open_sequences_are_refused_at_once() -> None:
    opening = LITTLE.element(0x0040A730, "SQ", LITTLE.mark(0xE000, UNDEFINED), UNDEFINED)
    assert refused(opening * 100_000) == "sequences are nested too deep"


def test_deflated_data_sets_are_inflated() -> None:
    for padding in (b"", b"\0"):
        assert walk(deflated(mr()) + padding, DEFLATED_LITTLE) == walk(mr(), EXPLICIT_LITTLE)


def test_a_true_gzip_trailer_behind_a_deflated_data_set_is_tolerated() -> None:
    assert walk(gzip.compress(mr())[10:], DEFLATED_LITTLE) == walk(mr(), EXPLICIT_LITTLE)
    lying = gzip.compress(mr())[10:-8] + gzip.compress(mr("9.9"))[-8:]
    assert refused(lying, DEFLATED_LITTLE) == "bytes after the deflated stream"


def test_broken_deflated_data_sets_are_refused() -> None:
    assert refused(deflated(mr())[:-3], DEFLATED_LITTLE) == "the deflated stream is cut short"
    assert refused(b"\xff" * 99, DEFLATED_LITTLE) == "not a deflated stream"
    assert (
        refused(deflated(mr()[:-1]), DEFLATED_LITTLE)
        == "the data set ends, or an item does, in the middle of an element"
    )


def test_a_deflate_bomb_is_refused_by_its_size() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(LITTLE.element(PIXEL_DATA, "OW", b"", DEFLATE_FREE))
    bomb += b"".join(packer.compress(bytes(1 << 20)) for _ in range(DEFLATE_FREE >> 20)) + packer.flush()
    assert refused(bomb, DEFLATED_LITTLE) == "the deflated data set grows beyond reason"


def test_the_order_of_other_elements_does_not_matter() -> None:
    late = LITTLE.element(0x00080070, "LO", "Maker") + LITTLE.element(0x00100010, "PN", "Doe^Jane")
    found = walk(data_set(mr_elements()) + late, EXPLICIT_LITTLE)
    assert values(found)[SERIES] == ("UI", b"1.2.3.1\0")
    assert values(found)[0x00080070] == ("LO", b"Maker ")
    assert EncodedFacts(found.encoded, EXPLICIT_LITTLE).patient.name == "Doe^Jane"


def test_all_whole_files_of_the_real_data_pass(test_data: Path) -> None:
    cut = "emri_small_jpeg_2k_lossless_too_short.dcm"
    seen = 0
    for path in sorted((test_data / "mr-transfer-syntaxes").rglob("*.dcm")):
        content, syntax = data_set_of(path.read_bytes())
        if path.name == cut:
            assert "in the middle" in refused(content, syntax)
        else:
            assert values(walk(content, syntax), syntax)[SOP_INSTANCE][1]
            seen += 1
    assert seen == 23


def test_a_writer_is_what_its_syntax_says() -> None:
    assert Writer(explicit=False).element(PATIENT_ID, "LO", "P1") == b"\x10\0\x20\0\2\0\0\0P1"


CONTRIBUTING, MANUFACTURER, PURPOSE = 0x0018A001, 0x00080070, 0x0040A170


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", WRITERS)
def test_a_sequence_that_a_header_is_read_from_is_kept_whole_however_it_is_cut(syntax: str, undefined: bool) -> None:
    write = WRITERS[syntax]
    purpose = write.sequence(PURPOSE, write.item(write.element(MANUFACTURER, "LO", "nobody")), undefined=undefined)
    makers = [
        write.item(write.element(MANUFACTURER, "LO", maker) + purpose, undefined=undefined)
        for maker in ("Scanner & Sons", "dicomnode ")
    ]
    content = mr("1.2.3.4.5", writer=write)
    at = content.index(struct.pack(write.order + "HH", 0x0020, 0x000D))
    content = content[:at] + write.sequence(CONTRIBUTING, *makers, undefined=undefined) + content[at:]
    in_pieces = Walk(syntax)
    for n in range(0, len(content), 7):
        in_pieces.feed(content[n : n + 7])
    for found in (walk(content, syntax), in_pieces.finish()):
        facts = EncodedFacts(found.encoded, syntax)
        assert facts["ContributingEquipmentSequence"] == ["Scanner & Sons", "dicomnode"]
        assert facts == read(content, syntax).facts


@pytest.mark.parametrize("step", [LONGEST_VALUE * 2, 999])
def test_a_sequence_that_is_absurdly_long_is_walked_and_not_kept(step: int) -> None:
    inner = LITTLE.item(LITTLE.element(MANUFACTURER, "LO", "dicomnode ")) * 1000
    content = WHO + LITTLE.sequence(CONTRIBUTING, inner)
    in_pieces = Walk(EXPLICIT_LITTLE)
    for n in range(0, len(content), step):
        in_pieces.feed(content[n : n + step])
    assert values(in_pieces.finish()).keys() == {SOP_CLASS, SOP_INSTANCE}


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, EXPLICIT_BIG])
@pytest.mark.parametrize("vr", ["ZZ", "QX", "OV", "UC", "UR"])
def test_vrs_not_heard_of_are_stepped_over_alike_by_all_who_read(vr: str, syntax: str) -> None:
    write, elsewhere, protocol = WRITERS[syntax], 0x00091010, 0x00181030

    def long(tag: int, value: bytes) -> bytes:  # PS3.5 table 7.1-1
        order = write.order
        return struct.pack(order + "HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, len(value)) + value

    plain = mr(writer=write)
    at = plain.index(struct.pack(write.order + "HH", 0x0010, 0x0020))
    content = plain[:at] + long(elsewhere, bytes(0x10000)) + plain[at:]
    at = content.index(struct.pack(write.order + "HH", 0x0020, 0x000D))
    content = content[:at] + long(protocol, b"Liver ") + content[at:]
    found = walk(content, syntax)
    assert values(found, syntax) == {**values(walk(plain, syntax), syntax), protocol: (vr, b"Liver ")}
    tags = [one.tag for one in elements.walk(content, encoding_of(syntax))]
    assert tags == sorted([*mr_elements(), elsewhere, protocol, PIXEL_DATA])
    assert EncodedFacts(found.encoded, syntax)["ProtocolName"] == "Liver"
    assert dict(read(content, syntax).facts) == {"Modality": "MR", "ProtocolName": "Liver"}


@pytest.mark.parametrize("syntax", [*WRITERS, DEFLATED_LITTLE])
def test_elements_that_are_repeated_without_end_are_refused_while_they_come(syntax: str) -> None:
    write, most, fed = WRITERS.get(syntax, LITTLE), len(WANTED) * LONGEST_VALUE, 0
    comments = write.element(0x00204000, "LT", b"x" * LONGEST_VALUE) * 4
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    endless = Walk(syntax)
    while fed <= most + len(comments):
        fed += len(comments)
        piece = comments
        if syntax == DEFLATED_LITTLE:
            piece = packer.compress(comments) + packer.flush(zlib.Z_SYNC_FLUSH)
        try:
            endless.feed(piece)
        except NotUnderstood as refusal:
            assert str(refusal) == "elements are repeated without end"  # noqa: PT017 - it may also pass
            break
    else:
        pytest.fail("it was taken")
    assert most < fed


def test_a_bomb_of_repeated_elements_is_refused_before_it_is_inflated() -> None:
    bomb = deflated(LITTLE.element(0x00204000, "LT", b"x" * LONGEST_VALUE) * 2000)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        assert refused(bomb, DEFLATED_LITTLE) == "elements are repeated without end"
        assert tracemalloc.get_traced_memory()[1] < 12 << 20, "of 32 MiB"
    finally:
        tracemalloc.stop()
