"""The outcomes of a series: promise 3 names them, and the database and every client spell them."""

from __future__ import annotations

from dicomnode.domain.exam import ExamState, Outcome


def test_a_series_ends_in_one_of_five_ways() -> None:
    ends = set(Outcome) - {Outcome.PENDING}
    assert {str(end) for end in ends} == {"done", "not applicable", "held", "refused", "failed"}


def test_an_exam_is_open_in_assessment_or_assessed() -> None:
    assert [str(state) for state in ExamState] == ["open", "assessing", "assessed"]
