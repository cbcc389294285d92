from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.cohort.labels import read
from dicomnode.errors import SettingsError


def test_a_table_by_patient_and_one_by_study() -> None:
    one, other = read("\ufeffPatient,Label,Set\r\n P1 ,1,training\n\n007,negative,Test\n")
    assert (one.line, one.by, one.value, one.positive, one.part) == (2, "patient", "P1", True, "training")
    assert (other.line, other.value, other.positive, other.part) == (4, "007", False, "test")
    (only,) = read("study;label;remark\n1.2.3;no;seen by AB\n")
    assert (only.by, only.value, only.positive, only.part) == ("study", "1.2.3", False, None)


def test_an_exam_without_label_is_for_a_teacher_and_for_training() -> None:
    table = "patient,label,set\nP1,,training\nP2,Unknown,training\nP3,1,test\n"
    assert [label.positive for label in read(table, unlabelled=True)] == [None, None, True]
    with pytest.raises(SettingsError, match="line 2: an exam without label teaches nothing without a teacher"):
        read(table)
    with pytest.raises(SettingsError, match="line 2: an exam without label can serve for training only"):
        read("patient,label,set\nP1,,test\n", unlabelled=True)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "no column 'label'"),
        ("patient,outcome\nP1,1", "no column 'label'"),
        ("name,label\nA,1", "needs a column 'study' or a column 'patient', and not both"),
        ("patient,study,label\nA,1,1", "needs a column 'study' or a column 'patient', and not both"),
        ("patient,label\n", "there is no line after the heading"),
        ("patient,label\nP1,maybe", "line 2: label 'maybe' is none of 1, positive, yes"),
        ("patient,label\nP1", "line 2: 1 cells, the heading has 2"),
        ("patient,label\n,1", "line 2: the patient is missing"),
        ("patient,label,set\nP1,1,exam", "line 2: set 'exam' is none of training, validation, calibration, test"),
        ("patient,label\nP1,1\nP2,0\nP1,0", "line 4: the same patient as in line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(table: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as raised:
        read(table)
    assert "P1" not in str(raised.value)


def test_every_wrong_line_is_named_up_to_twenty() -> None:
    with pytest.raises(SettingsError) as raised:
        read("patient,label\n" + "\n".join(f"P{n},x" for n in range(25)))
    said = str(raised.value).splitlines()
    assert (len(said), said[1].strip()[:7], said[-1].strip()) == (22, "line 2:", "and 5 more")


@settings(max_examples=50)
@given(st.text() | st.text(st.sampled_from(',;"\n\r\0 1a')), st.sampled_from(["", "patient,label\n", "study;label\r"]))
def test_any_text_is_a_table_or_a_named_mistake(text: str, heading: str) -> None:
    with suppress(SettingsError):
        assert read(heading + text)
