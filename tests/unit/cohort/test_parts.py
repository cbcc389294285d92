from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.cohort.exams import Exam
from dicomnode.cohort.labels import Label
from dicomnode.cohort.parts import split
from dicomnode.domain.identity import digest_of
from dicomnode.errors import SettingsError
from dicomnode.sdk.cohort import Part

SHARES: Mapping[Part, float] = {"training": 0.8, "validation": 0.2}


def exam(line: int, patient: object, positive: bool | None, part: Part | None = None, images: object = None) -> Exam:
    return Exam(
        label=Label(line=line, by="study", value=f"1.{line}", positive=positive, part=part),
        patient=digest_of([str(patient)]),
        digest=digest_of([str(images or line)]),
        contents=digest_of([str(images or line)]),
        inputs=(),
        files={},
    )


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=60), st.integers(0, 5), st.data())
def test_no_patient_is_torn_and_the_order_moves_nobody(
    drawn: list[tuple[int, bool]], seed: int, data: st.DataObject
) -> None:
    exams = [exam(line, patient, positive) for line, (patient, positive) in enumerate(drawn, 2)]
    exams += [exam(1000 + n, f"sure {n}", n % 2 == 0) for n in range(20)]
    parts = {one.label.line: one.label.part for one in split(exams, SHARES, seed)}
    assert len(parts) == len(exams)
    by_patient: dict[str, set[Part | None]] = {}
    for one in exams:
        by_patient.setdefault(one.patient, set()).add(parts[one.label.line])
    assert all(len(found) == 1 for found in by_patient.values())
    share = sum(found == {"validation"} for found in by_patient.values()) / len(by_patient)
    assert share == pytest.approx(0.2, abs=1.01 / len(by_patient) + 1e-9)
    shuffled = data.draw(st.permutations(exams))
    assert {one.label.line: one.label.part for one in split(shuffled, SHARES, seed)} == parts


def test_what_the_table_says_holds_and_other_parts_are_dropped() -> None:
    said: list[Part] = ["training", "training", "validation", "validation", "test"]
    exams = [exam(line, line, line % 2 == 0, part) for line, part in enumerate(said)]
    assert [one.label.part for one in split(exams, SHARES, 0)] == said[:4]


def test_who_has_no_label_serves_for_training_and_tears_no_patient() -> None:
    exams = [exam(line, line, line % 2 == 0) for line in range(40)]
    parts = {one.label.line: one.label.part for one in split(exams, SHARES, 0)}
    torn = next(line for line, part in parts.items() if part == "validation")
    kept = next(line for line, part in parts.items() if part == "training")
    more = [exam(100, "alone", None), exam(101, torn, None), exam(102, kept, None)]
    found = {one.label.line: one.label.part for one in split([*exams, *more], SHARES, 0)}
    assert found == {**parts, 100: "training", 102: "training"}  # 101 is of a patient who judges the training


@pytest.mark.parametrize(
    ("exams", "says"),
    [
        ([exam(2, 1, True, "training"), exam(3, 1, False, "validation")], "lines 2, 3: one patient in two sets"),
        ([exam(2, 1, True, images="a"), exam(3, 2, False, images="a")], "lines 2 and 3: the same images"),
        ([exam(2, 1, True, "training"), exam(3, 2, False)], "either every line has a set or none; lines without: 3"),
        ([exam(n, n, True) for n in range(9)], "the training set needs positive and negative exams"),
        ([exam(n, n, n == 0) for n in range(9)], "the validation set needs positive and negative exams"),
    ],
)
def test_an_impossible_split_is_named(exams: list[Exam], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        split(exams, SHARES, 0)
