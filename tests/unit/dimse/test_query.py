"""What is asked and what is understood of an answer, before any connection."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from dicomnode.dimse.query import Limits, _beyond, _identifier, _judge, _match, _retrieved
from dicomnode.errors import Refused


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize(
    ("character_set", "name"),
    [
        ("ISO_IR 192", "Ærøskøbing^Åse"),
        ("ISO_IR 100", "Müller^Jörg"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎"),
    ],
)
def test_a_match_is_text_by_keyword(implicit: bool, character_set: str, name: str) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = character_set
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.PatientName = name
    dataset.ModalitiesInStudy = ["MR", "SR"]
    dataset.NumberOfStudyRelatedInstances = 12
    dataset.AccessionNumber = ""
    assert {
        keyword: value for keyword, value in _match(across(dataset, implicit)).items() if "Character" not in keyword
    } == {
        "QueryRetrieveLevel": "STUDY",
        "PatientName": name,
        "ModalitiesInStudy": "MR\\SR",
        "NumberOfStudyRelatedInstances": "12",
    }


def test_an_answer_that_is_nonsense_is_text_too() -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "x"
    wire = bytes(encode(dataset, True, True) or b"").replace(b"x ", b"\xff\xff")
    assert _match(decode(BytesIO(wire), True, True))["PatientName"] == "\ufffd\ufffd"
    assert _match(None) == {}


def test_keys_name_their_character_set_where_they_need_one() -> None:
    plain = _identifier("IMAGE", {"StudyInstanceUID": "1.2", "SOPInstanceUID": ["1.3", "1.4"], "PatientID": ""})
    assert plain.QueryRetrieveLevel == "IMAGE"
    assert plain.SOPInstanceUID == ["1.3", "1.4"]
    assert plain.PatientID == ""
    assert plain.SpecificCharacterSet == ""
    assert _identifier("STUDY", {"PatientName": "Müller*"}).SpecificCharacterSet == "ISO_IR 192"


def test_limits_say_what_they_are() -> None:
    limits = Limits(number=2, seconds=1, bytes=10)
    assert _beyond(2, 10, limits) == ""
    assert _beyond(3, 10, limits) == "2 instances"
    assert _beyond(2, 11, limits) == "10 bytes"


def test_a_final_answer_is_a_success_a_partial_success_or_a_refusal() -> None:
    status = Dataset()
    status.Status, status.NumberOfCompletedSuboperations, status.NumberOfFailedSuboperations = 0xB000, 3, 1
    failed = Dataset()
    failed.FailedSOPInstanceUIDList = ["1.2.3", "1.2.4"]
    _judge(status, "C-GET")
    told = _retrieved(status, across(failed, implicit=True))
    assert (told.completed, told.failed, told.warned, told.failed_uids) == (3, 1, 0, ("1.2.3", "1.2.4"))
    status.Status, status.ErrorComment = 0xA801, "who are you"
    with pytest.raises(Refused, match="C-MOVE was answered with Failure A801: who are you"):
        _judge(status, "C-MOVE")


def across(dataset: Dataset, implicit: bool) -> Dataset:
    """As it comes from the wire."""
    return decode(BytesIO(encode(dataset, implicit, True) or b""), implicit, True)
