"""The walk on data sets nobody wrote by hand: whole ones pass, everything else is refused, and nothing else happens."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.dicom import header
from dicomnode.dicom.elements import encoding_of, value_of
from dicomnode.errors import NotUnderstood
from dicomnode.receive.walk import Walk, walk
from tests.datasets import DEFLATED_LITTLE, PATIENT_ID, RLE, SOP_INSTANCE, WRITERS, Writer, mr_elements

VRS = ["LO", "UI", "CS", "DS", "US", "OB", "OW", "UN", "UT"]
UIDS = st.from_regex(r"[0-2](\.(0|[1-9][0-9]{0,5})){1,8}", fullmatch=True)
SYNTAXES = st.sampled_from([*WRITERS, DEFLATED_LITTLE, RLE])


def contents(writer: Writer) -> st.SearchStrategy[bytes]:
    """Elements of odd groups, sequences of both kinds of length among them, in any nesting."""
    values = st.binary(max_size=12).map(lambda raw: raw + bytes(len(raw) % 2))
    tags = st.integers(0, 0xFFFF).map(lambda element: 0x00210000 | element)
    leaf = st.builds(writer.element, tags, st.sampled_from(VRS), values)

    def nest(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
        items = st.lists(st.builds(writer.item, inner, undefined=st.booleans()), max_size=3)
        return st.builds(
            lambda tag, written, undefined: writer.sequence(tag, *written, undefined=undefined),
            tags,
            items,
            st.booleans(),
        )

    element = st.recursive(leaf, lambda inner: nest(st.lists(inner, max_size=3).map(b"".join)), max_leaves=12)
    return st.lists(element, max_size=4).map(b"".join)


@st.composite
def data_sets(draw: st.DrawFn) -> tuple[bytes, str, str, int]:
    """A whole data set, its transfer syntax, its SOP Instance UID, and where its last element begins."""
    syntax = draw(st.sampled_from([*WRITERS, RLE]))
    writer = WRITERS.get(syntax, Writer())
    instance = draw(UIDS)
    elements = mr_elements(instance)
    body = b"".join(writer.element(tag, *elements[tag]) for tag in sorted(elements)) + draw(contents(writer))
    pixels = draw(st.binary(min_size=1, max_size=20)) * 2
    last = writer.encapsulated(pixels) if syntax == RLE else writer.element(0x7FE00010, "OW", pixels)
    return body + last, syntax, instance, len(body)


@given(data_sets())
def test_whole_data_sets_pass_and_tell_who_they_are(made: tuple[bytes, str, str, int]) -> None:
    content, syntax, instance, _ = made
    found, encoding = walk(content, syntax).named, encoding_of(syntax)
    assert value_of(found[SOP_INSTANCE], encoding)[1].rstrip(b"\0") == instance.encode()
    assert value_of(found[PATIENT_ID], encoding)[1] == b"P1"


@given(data_sets(), st.data())
def test_a_cut_in_the_last_element_is_always_seen(made: tuple[bytes, str, str, int], data: st.DataObject) -> None:
    content, syntax, _, last = made
    with pytest.raises(NotUnderstood):
        walk(content[: data.draw(st.integers(last + 1, len(content) - 1))], syntax)


@given(data_sets(), st.data())
def test_a_cut_anywhere_is_refused_or_falls_between_two_elements(
    made: tuple[bytes, str, str, int], data: st.DataObject
) -> None:
    content, syntax, _, _ = made
    cut = data.draw(st.integers(1, len(content) - 1))
    try:
        walk(content[:cut], syntax)
    except NotUnderstood:
        return
    with pytest.raises(NotUnderstood):
        walk(content[: cut + 1], syntax)


@given(st.binary(max_size=400), SYNTAXES)
def test_any_bytes_are_walked_or_refused(content: bytes, syntax: str) -> None:
    try:
        walk(content, syntax)
    except NotUnderstood as refusal:
        assert len(str(refusal)) <= 64  # an Error Comment is no longer  # noqa: PT017 - it may also pass


@given(data_sets(), st.data())
def test_one_changed_byte_is_survived(made: tuple[bytes, str, str, int], data: st.DataObject) -> None:
    content, syntax, _, _ = made
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        walk(bytes(changed), syntax)
    except NotUnderstood as refusal:
        assert len(str(refusal)) <= 64  # noqa: PT017 - it may also pass


@given(data_sets())
def test_the_header_reader_reads_the_same_instance(made: tuple[bytes, str, str, int]) -> None:
    content, syntax, _, _ = made
    named, encoded = walk(content, syntax)
    walked = header.from_elements(header.uids_of(named, encoding_of(syntax)), named, encoded, syntax)
    assert walked == header.read(content, syntax)
    assert header.EncodedFacts(encoded, syntax).patient == walked.patient


@given(data_sets(), st.lists(st.integers(0, 2000), max_size=8))
def test_pieces_cut_anywhere_are_walked_as_the_whole_is(made: tuple[bytes, str, str, int], cuts: list[int]) -> None:
    content, syntax, _, _ = made
    pieces = Walk(syntax)
    places = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    for start, end in pairwise(places):
        lent = bytearray(content[start:end])
        pieces.feed(memoryview(lent))
        lent[:] = bytes(len(lent))  # the piece was only lent
    assert pieces.finish() == walk(content, syntax)
