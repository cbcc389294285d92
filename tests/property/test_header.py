"""Whatever bytes come, reading a header and judging it ends in a value or a named error."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import tag_for_keyword

from dicomnode.dicom import header
from dicomnode.dicom.attributes import KEYWORDS
from dicomnode.dicom.stacks import stacks
from dicomnode.errors import ReceiveError
from tests.datasets import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR_IMAGE, Writer

IDENTITY = (
    ("SOPClassUID", MR_IMAGE),
    ("SOPInstanceUID", "1.2.3.4"),
    ("StudyInstanceUID", "1.2"),
    ("SeriesInstanceUID", "1.3"),
)
VRS = ("DS", "IS", "LO", "CS", "US", "FD", "UN", "SQ", "OB", "PN")
TEXTS = st.sampled_from(
    [
        "",
        "1",
        "1\\0\\0\\0\\1\\0",
        "1\\2\\3",
        "2\\2",
        "NaN",
        "1e300",
        "-1\\x",
        "MR",
        "GR",
        "\\\\",
        "\x1b$B",
        "MONOCHROME2",
    ]
)


PUBLIC = [keyword for keyword in KEYWORDS if tag_for_keyword(keyword) is not None]


def tag(keyword: str) -> int:
    found = tag_for_keyword(keyword)
    assert found is not None
    return found


def data_set(values: dict[str, tuple[str, bytes]]) -> bytes:
    write = Writer()
    identity = {tag(keyword): write.element(tag(keyword), "UI", value) for keyword, value in IDENTITY}
    others = {tag(keyword): write.element(tag(keyword), vr, value) for keyword, (vr, value) in values.items()}
    return b"".join(element for _, element in sorted({**others, **identity}.items()))


values = st.tuples(st.sampled_from(VRS), st.one_of(TEXTS.map(str.encode), st.binary(max_size=24)))


@given(st.dictionaries(st.sampled_from(("SpecificCharacterSet", "PatientName", *PUBLIC)), values, max_size=30))
def test_any_values_make_json_safe_facts_and_a_judged_stack(written: dict[str, tuple[str, bytes]]) -> None:
    read = header.read(data_set(written), EXPLICIT_LITTLE)
    json.dumps(dict(read.facts), allow_nan=False).encode()
    read.patient.name.encode()
    (stack,) = stacks([read])
    assert stack.refusal
    assert stack.role.reasons[0]


@given(
    st.binary(max_size=300), st.sampled_from([EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, "1.2.840.10008.1.2.1.99"])
)
def test_any_bytes_end_in_a_named_error(raw: bytes, syntax: str) -> None:
    try:
        header.read(raw, syntax)
    except ReceiveError:
        return
    raise AssertionError("rubbish was read as an instance")


SOUND = data_set({"PatientName": ("PN", b"Doe^Jane"), "EchoTime": ("DS", b"4.6 "), "Modality": ("CS", b"MR")})


@given(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=4))
def test_damage_is_read_or_named(position: int, damage: bytes) -> None:
    damaged = SOUND[:position] + damage + SOUND[position + len(damage) :]
    try:
        said = str(header.read(damaged, EXPLICIT_LITTLE).sop_instance_uid)
    except ReceiveError as error:
        said = str(error)
    assert 0 < len(said) <= 64  # a UID, or an Error Comment (0000,0902)
