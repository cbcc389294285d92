"""One advice for an exam: stated once, then only ever more cautious, and never missing at the deadline."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.domain.advice import Advice, AdviceKind, Origin, acknowledge, counted, overdue, state
from tests.values import STUDY, at

AWAITED = Advice(study_instance_uid=STUDY, exam_id=1, opened=at(0), deadline=at(2700))
OMIT, CONTRAST, STANDARD, RADIOLOGIST, TOO_LATE = (
    AdviceKind.MAY_BE_OMITTED,
    AdviceKind.RECOMMENDED,
    AdviceKind.STANDARD_PROTOCOL,
    AdviceKind.RADIOLOGIST,
    AdviceKind.TOO_LATE,
)


def stated(kind: AdviceKind, origin: Origin = Origin.PLUGIN) -> Advice:
    return state(AWAITED, kind, "why", origin, at(10), task_id="a")


def test_the_first_advice_is_stated() -> None:
    said = state(AWAITED, OMIT, "why", Origin.PLUGIN, at(10), cautions=("eGFR",), task_id="a")
    assert (said.kind, said.reason, said.cautions, said.stated, said.task_id) == (OMIT, "why", ("eGFR",), at(10), "a")


@pytest.mark.parametrize(
    ("before", "origin", "after", "kept"),
    [
        (OMIT, Origin.PLUGIN, RADIOLOGIST, RADIOLOGIST),
        (OMIT, Origin.PLUGIN, CONTRAST, CONTRAST),
        (OMIT, Origin.FAILURE, STANDARD, STANDARD),
        (CONTRAST, Origin.PLUGIN, OMIT, CONTRAST),
        (STANDARD, Origin.PLUGIN, OMIT, STANDARD),
        (STANDARD, Origin.PLUGIN, RADIOLOGIST, RADIOLOGIST),
        (RADIOLOGIST, Origin.PLUGIN, CONTRAST, RADIOLOGIST),
        (RADIOLOGIST, Origin.FAILURE, STANDARD, RADIOLOGIST),
        (OMIT, Origin.CONTRAST_SEEN, TOO_LATE, OMIT),
        (STANDARD, Origin.CONTRAST_SEEN, TOO_LATE, STANDARD),
    ],
)
def test_a_stated_advice_becomes_more_cautious_only(
    before: AdviceKind, origin: Origin, after: AdviceKind, kept: AdviceKind
) -> None:
    assert state(stated(before), after, "later", origin, at(20)).kind is kept


@given(st.lists(st.tuples(st.sampled_from(AdviceKind), st.sampled_from(Origin)), max_size=6))
def test_nothing_ever_turns_into_omission(events: list[tuple[AdviceKind, Origin]]) -> None:
    now = AWAITED
    for kind, origin in events:
        before, now = now.kind, state(now, kind, "x", origin, at(1))
        assert now.kind is not OMIT or before in (None, OMIT)
        assert now.kind is not None


def test_a_change_takes_the_acknowledgement_back() -> None:
    seen = acknowledge(stated(OMIT), OMIT, "A. Doe", at(12))
    assert (seen.acknowledged_by, seen.acknowledged) == ("A. Doe", at(12))
    changed = state(seen, RADIOLOGIST, "a severe reaction", Origin.PLUGIN, at(13))
    assert (changed.acknowledged_by, changed.acknowledged) == ("", None)


def test_only_what_was_seen_is_acknowledged_and_only_once() -> None:
    assert acknowledge(stated(RADIOLOGIST), OMIT, "A", at(12)).acknowledged is None
    seen = acknowledge(stated(OMIT), OMIT, "A", at(12))
    assert acknowledge(seen, OMIT, "B", at(13)) == seen


def test_the_deadline_counts_from_the_images_once() -> None:
    first = counted(AWAITED, at(190))
    assert (first.deadline, first.counting) == (at(190), True)
    assert counted(first, at(500)) == first
    assert counted(replace(AWAITED, deadline=at(100)), at(190)).deadline == at(100)
    assert counted(stated(OMIT), at(190)).deadline == at(2700)


def test_the_deadline_ends_in_the_ordered_protocol() -> None:
    waiting = counted(AWAITED, at(90))
    assert overdue(waiting, at(89.9)) == waiting
    late = overdue(waiting, at(90))
    assert (late.kind, late.origin, late.reason) == (STANDARD, Origin.DEADLINE, "no result in time")
    never = overdue(AWAITED, at(2700))
    assert never.reason == "the images needed were not complete in time"
    assert overdue(stated(OMIT), at(9999)) == stated(OMIT)
