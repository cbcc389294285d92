"""Reading headers: what is kept, what is left out, what is refused."""

from __future__ import annotations

import json
import pickle
import struct
import zlib

import pytest

from dicomnode.dicom import header
from dicomnode.dicom.attributes import LONGEST_VALUE
from dicomnode.errors import DicomnodeError, InvalidInstance, NotUnderstood, UnusablePlace
from tests.datasets import DEFLATED_LITTLE, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR_IMAGE, Writer

IDENTITY = {0x00080016: MR_IMAGE, 0x00080018: "1.2.3.4", 0x0020000D: "1.2.3", 0x0020000E: "1.2.3.1"}
VRS = {0x00080005: "CS", 0x00100010: "PN", 0x00100020: "LO", 0x00180081: "DS", 0x0008103E: "LO", 0x00100040: "CS"}


def written(
    values: dict[int, bytes | str | None] | None = None, write: Writer | None = None, tail: bytes = b""
) -> bytes:
    writer = write or Writer()
    merged: dict[int, bytes | str | None] = {**IDENTITY, **(values or {})}
    vrs = {**dict.fromkeys(IDENTITY, "UI"), **VRS, 0x00200013: "IS", 0x00280010: "US", 0x00189087: "FD"}
    vrs |= {0x00080008: "CS", 0x00200032: "DS", 0x00180086: "IS", 0x00100030: "DA", 0x00100021: "LO"}
    elements = [writer.element(tag, vrs[tag], value) for tag, value in sorted(merged.items()) if value is not None]
    return b"".join(elements) + tail


def facts(**values: bytes | str) -> dict[str, object]:
    by_tag: dict[int, bytes | str | None] = {int(name[1:], 16): value for name, value in values.items()}
    return dict(header.read(written(by_tag), EXPLICIT_LITTLE).facts)


@pytest.mark.parametrize(
    ("syntax", "write"),
    [
        (EXPLICIT_LITTLE, Writer()),
        (IMPLICIT_LITTLE, Writer(explicit=False)),
        (EXPLICIT_BIG, Writer(order=">")),
        (DEFLATED_LITTLE, Writer()),
    ],
)
def test_the_same_header_from_every_encoding(syntax: str, write: Writer) -> None:
    rows = struct.pack(write.order + "H", 256)
    b_value = struct.pack(write.order + "d", 800.0)
    raw = written({0x00180081: "4.6 ", 0x00280010: rows, 0x00189087: b_value, 0x00100020: "P1"}, write)
    if syntax == DEFLATED_LITTLE:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        raw = deflate.compress(raw) + deflate.flush()
    read = header.read(raw, syntax)
    assert read.facts == {"EchoTime": 4.6, "Rows": 256, "DiffusionBValue": 800.0}
    assert read.patient.patient_id == "P1"
    assert (read.sop_class_uid, read.sop_instance_uid) == (MR_IMAGE, "1.2.3.4")
    assert (read.study_instance_uid, read.series_instance_uid) == ("1.2.3", "1.2.3.1")
    assert read.transfer_syntax_uid == syntax


def test_pixel_data_are_not_touched() -> None:
    broken = b"\xe0\x7f\x10\x00OW\x00\x00\xf0\xff\xff\x00"
    assert header.read(written(tail=broken), EXPLICIT_LITTLE).sop_instance_uid == "1.2.3.4"


@pytest.mark.parametrize(
    ("tag", "value", "error"),
    [
        (0x00080016, None, NotUnderstood),
        (0x00080016, "MR Image", NotUnderstood),
        (0x00080018, None, InvalidInstance),
        (0x00080018, "1.2." + "3" * 61, InvalidInstance),
        (0x00080018, "1.2.\x003", InvalidInstance),
        (0x0020000D, None, UnusablePlace),
        (0x0020000D, "1..2", UnusablePlace),
        (0x0020000E, "../../etc", UnusablePlace),
        (0x0020000E, "", UnusablePlace),
    ],
)
def test_identity_must_be_there_and_legal(tag: int, value: str | None, error: type[DicomnodeError]) -> None:
    with pytest.raises(error):
        header.read(written({tag: value}), EXPLICIT_LITTLE)


@pytest.mark.parametrize("padding", [b"\0", b" ", b"  ", b"\0\0"])
def test_uids_are_taken_without_padding(padding: bytes) -> None:
    raw = written({0x00080018: b"1.2.3.4" + padding})
    assert header.read(raw, EXPLICIT_LITTLE).sop_instance_uid == "1.2.3.4"


@pytest.mark.parametrize("raw", [b"", b"\0", b"not a data set at all, but long enough"])
def test_rubbish_is_not_understood(raw: bytes) -> None:
    with pytest.raises(NotUnderstood):
        header.read(raw, EXPLICIT_LITTLE)


def test_values_of_multi_valued_attributes_are_lists_even_when_there_is_one() -> None:
    assert facts(x00180086="2")["EchoNumbers"] == [2]
    assert facts(x00080008="ORIGINAL\\PRIMARY\\\\M")["ImageType"] == ["ORIGINAL", "PRIMARY", "", "M"]
    assert facts(x00200032="-1.5\\2e1\\ 3 ")["ImagePositionPatient"] == [-1.5, 20.0, 3.0]


def test_whole_numbers_stay_whole() -> None:
    instance_number = facts(x00200013=" 12 ")["InstanceNumber"]
    assert (instance_number, type(instance_number)) == (12, int)


@pytest.mark.parametrize(
    "absurd",
    [
        {"x00180081": "NaN"},
        {"x00180081": "1e999"},
        {"x00180081": "1_0"},
        {"x00180081": "4,6"},
        {"x00180081": ""},
        {"x00189087": struct.pack("<d", float("nan"))},
        {"x00189087": b"\0\0\0\0"},
        {"x00200032": "1\\x\\3"},
        {"x0008103E": "x" * 60000},
    ],
)
def test_absurd_values_have_no_entry(absurd: dict[str, bytes | str]) -> None:
    assert facts(**absurd) == {}


def test_long_text_is_cut_and_control_characters_are_gone() -> None:
    found = facts(x0008103E=b"T1\x1b[31m\r\nevil\x00 " + b"x" * 5000)
    text = found["SeriesDescription"]
    assert isinstance(text, str)
    assert len(text) == 1024
    assert text.isprintable()


def test_facts_are_json_safe() -> None:
    found = facts(x00080005="ISO_IR 192", x0008103E="Leber ü", x00180081="4.6", x00200032="1\\2\\3")
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_undecodable_text_is_kept_with_a_replacement_and_the_fact() -> None:
    read = header.read(
        written({0x00080005: "ISO_IR 192", 0x00100010: b"M\xfcller^J\xf6rg", 0x00100020: b"\xff1"}), EXPLICIT_LITTLE
    )
    assert read.patient.name == "M\ufffdller^J\ufffdrg"
    assert read.facts["UndecodableText"] == ["PatientName", "PatientID"]


def test_the_whole_patient_is_read() -> None:
    values: dict[int, bytes | str | None] = {
        0x00100010: "Doe^Jane",
        0x00100020: " P 1 ",
        0x00100021: "Hospital",
        0x00100030: "20100101",
        0x00100040: "F",
    }
    patient = header.read(written(values), EXPLICIT_LITTLE).patient
    assert (patient.patient_id, patient.issuer, patient.name) == ("P 1", "Hospital", "Doe^Jane")
    assert (patient.birth_date, patient.sex) == ("20100101", "F")


def test_a_file_without_preamble_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="DICM"):
        header.data_set_of(written())


def test_a_file_without_transfer_syntax_is_refused() -> None:
    with pytest.raises(NotUnderstood, match="transfer syntax"):
        header.data_set_of(bytes(128) + b"DICM" + written())


def test_data_set_and_transfer_syntax_of_a_file() -> None:
    meta = Writer().element(0x00020010, "UI", IMPLICIT_LITTLE)
    data_set = written(write=Writer(explicit=False))
    assert header.data_set_of(bytes(128) + b"DICM" + meta + data_set) == (data_set, IMPLICIT_LITTLE)


def test_a_sequence_that_is_none_costs_its_fact_and_not_the_image() -> None:
    write = Writer(explicit=False)
    broken = written({}, write) + write.element(0x0018A001, "SQ", b"\xff" * 12)
    assert header.read(broken, IMPLICIT_LITTLE).facts == {"UndecodableText": ["ContributingEquipmentSequence"]}
    unknown = written() + Writer().element(0x0018A001, "UN", b"\xff" * 12)
    assert header.read(unknown, EXPLICIT_LITTLE).facts == {}


@pytest.mark.parametrize(
    ("creator", "known"),
    [("Philips Imaging DD 001", {"PhilipsNumberOfSlices": 53}), ("Somebody else", {})],
)
@pytest.mark.parametrize(("syntax", "write"), [(EXPLICIT_LITTLE, Writer()), (IMPLICIT_LITTLE, Writer(explicit=False))])
def test_a_private_attribute_is_a_fact_in_the_block_of_its_creator_only(
    creator: str, known: dict[str, int], syntax: str, write: Writer
) -> None:
    tail = write.element(0x20010010, "LO", creator) + write.element(0x20011018, "SL", struct.pack("<l", 53))
    assert header.read(written(write=write, tail=tail), syntax).facts == known


@pytest.mark.parametrize("decoded", [False, True])
def test_facts_go_to_other_processes_decoded_or_not(decoded: bool) -> None:
    read = header.read(written({0x00180081: "4.6 ", 0x00100010: "Doe^Jane"}), EXPLICIT_LITTLE)
    assert isinstance(read.facts, header.EncodedFacts)
    if decoded:
        assert read.facts["EchoTime"] == 4.6
    there = pickle.loads(pickle.dumps(read))
    assert there == read
    assert (dict(there.facts), there.facts.patient.name) == ({"EchoTime": 4.6}, "Doe^Jane")
    assert there.facts.encoded == read.facts.encoded


def test_what_is_remembered_of_instances_is_bounded_in_bytes() -> None:
    def remembered() -> tuple[int, int]:
        return header._known_patient.cache_info().currsize, header._is_uid.cache_info().currsize

    header._known_patient.cache_clear()
    header._is_uid.cache_clear()
    header.read(written({0x00100020: "P1"}), EXPLICIT_LITTLE)
    assert remembered() == (1, 4)
    absurd = header.read(written({0x00100020: "P2", 0x00100010: "x" * LONGEST_VALUE}), EXPLICIT_LITTLE).patient
    assert (absurd.patient_id, absurd.name) == ("P2", "x" * 1024)
    assert not header.is_uid("1." * 40 + "1")
    assert remembered() == (1, 4)
