"""When an exam, and when a series, counts as complete."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.assemble.completeness import decide, decide_series
from dicomnode.domain.evidence import (
    Complete,
    Confidence,
    Decision,
    Evidence,
    Incomplete,
    Manner,
    ProcedureStep,
    SeriesArrivals,
    SeriesEvidence,
    SourceCount,
    StepState,
    WaitUntil,
)
from dicomnode.domain.exam import Arrivals
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.settings import CompletenessSettings
from tests.values import SERIES, STUDY, at

POLICY = CompletenessSettings(
    series_quiet=3.0, exam_quiet=15.0, missing_wait=60.0, longest_wait=1800.0, longest_open=14400.0
)
OTHER = SeriesInstanceUID("1.2.3.2")
KNOWN = Manner(exams=5)


def series(
    last: float = 10,
    released: float | None = None,
    *,
    uid: SeriesInstanceUID = SERIES,
    regular: bool = True,
    missing: str = "",
    agreeing: str = "",
) -> SeriesEvidence:
    arrivals = SeriesArrivals(
        series_instance_uid=uid,
        label="series 3",
        instances=35,
        last_arrival=at(last),
        released=None if released is None else at(released),
    )
    return SeriesEvidence(arrivals=arrivals, regular=regular, missing=missing, agreeing=agreeing)


def evidence(*found: SeriesEvidence, manner: Manner = KNOWN, **others: object) -> Evidence:
    releases = [one.arrivals.released for one in found if one.arrivals.released is not None]
    arrivals = Arrivals(
        exam_id=1,
        study_instance_uid=STUDY,
        revision=1,
        first_arrival=at(0),
        last_arrival=max(one.arrivals.last_arrival for one in found),
        last_release=max(releases, default=None),
        sender=AETitle("SENDER"),
    )
    return Evidence(arrivals=arrivals, series=found, manner=manner, **others)  # type: ignore[arg-type]


def step(state: StepState, updated: float = 5, **missing: int) -> ProcedureStep:
    named = {SeriesInstanceUID(uid.replace("_", ".")[1:]): count for uid, count in missing.items()}
    return ProcedureStep(state=state, updated=at(updated), missing=named)


def due(found: Evidence) -> tuple[datetime, Decision]:
    """When waiting ends, and what is decided then; a moment before, it is still waited for."""
    first = decide(found, POLICY, at(0))
    assert isinstance(first, WaitUntil)
    before = decide(found, POLICY, first.until - timedelta(microseconds=1))
    assert isinstance(before, WaitUntil)
    return first.until, decide(found, POLICY, first.until)


RELEASED = series(10, 11)


@pytest.mark.parametrize(
    ("found", "until", "confidence", "said"),
    [
        (evidence(series(10)), 25, Confidence.TIMED, "nothing new for 15 s"),
        (evidence(series(10, 9)), 25, Confidence.TIMED, "nothing new for 15 s"),
        (evidence(RELEASED), 14, Confidence.SUPPORTED, "sender released, nothing new for 3 s, all volumes regular"),
        (evidence(series(10, 10, regular=False)), 13, Confidence.TIMED, "sender released, nothing new for 3 s"),
        (evidence(RELEASED, series(12, uid=OTHER)), 27, Confidence.TIMED, "nothing new for 15 s"),
        (
            evidence(RELEASED, manner=Manner(exams=4)),
            26,
            Confidence.TIMED,
            "sender released, but is not known yet; nothing new for 15 s",
        ),
        (
            evidence(RELEASED, manner=Manner(exams=9, longest_pause=timedelta(seconds=40))),
            91,
            Confidence.SUPPORTED,
            "sender released, nothing new for 80 s, all volumes regular",
        ),
        (
            evidence(series(10), manner=Manner(exams=9, longest_pause=timedelta(hours=1))),
            1810,
            Confidence.TIMED,
            "nothing new for 1800 s",
        ),
    ],
    ids=["no release", "earlier release", "released", "irregular", "one series open", "stranger", "pauses", "capped"],
)
def test_silence_that_suffices(found: Evidence, until: float, confidence: Confidence, said: str) -> None:
    assert due(found) == (at(until), Complete(reason=said, confidence=confidence))


GAP = "slice missing: 1 not there"


@pytest.mark.parametrize(
    ("found", "until", "because"),
    [
        (evidence(series(10, 11, regular=False, missing=GAP)), 71, f"series 3: {GAP}"),
        (
            evidence(RELEASED, steps=(step(StepState.IN_PROGRESS, 30),)),
            1830,
            "a procedure step is in progress",
        ),
        (
            evidence(RELEASED, steps=(step(StepState.COMPLETED, 30, _1_2_3_1=2),)),
            90,
            "series 3: the procedure step names 2 images that have not come",
        ),
        (
            evidence(RELEASED, steps=(step(StepState.COMPLETED, 5, _1_2_3_1=0, _1_2_3_2=9),)),
            71,
            "a procedure step names 9 images of series that have not come",
        ),
        (
            evidence(RELEASED, source=SourceCount(peer="pacs", asked=at(12), missing={SERIES: 3})),
            71,
            "series 3: pacs has 3 images that have not come",
        ),
    ],
    ids=["gap", "step in progress", "step names more", "step names another series", "source has more"],
)
def test_what_is_missing_is_waited_for_but_not_for_ever(found: Evidence, until: float, because: str) -> None:
    assert due(found) == (at(until), Incomplete(because=because))


ALL_HERE = Complete(reason="all images of the procedure step are here", confidence=Confidence.STATED)


@pytest.mark.parametrize("state", [StepState.COMPLETED, StepState.DISCONTINUED])
def test_a_procedure_step_that_has_ended_and_is_here_needs_no_silence_and_no_release(state: StepState) -> None:
    stated = evidence(series(10, missing="34 of 35 by InstanceNumber"), steps=(step(state, 5, _1_2_3_1=0),))
    assert decide(stated, POLICY, at(10)) == ALL_HERE


def test_a_procedure_step_that_ends_after_the_images_came_is_taken_at_its_word_at_once() -> None:
    assert decide(evidence(series(10), steps=(step(StepState.COMPLETED, 20, _1_2_3_1=0),)), POLICY, at(20)) == ALL_HERE


@pytest.mark.parametrize(
    "steps",
    [
        (step(StepState.DISCONTINUED),),
        (step(StepState.COMPLETED, 5, _1_2_3_2=0),),
    ],
    ids=["names nothing", "does not name a series that is here"],
)
def test_a_procedure_step_that_does_not_list_everything_proves_nothing(steps: tuple[ProcedureStep, ...]) -> None:
    assert due(evidence(RELEASED, steps=steps))[0] == at(14)


def test_an_exam_that_never_stops_growing_is_judged_all_the_same() -> None:
    growing = evidence(series(14399))
    assert decide(growing, POLICY, at(14400)) == Incomplete(
        because="something new came all the time; waited for: nothing new for 15 s"
    )


def test_a_clock_that_went_back_waits() -> None:
    assert isinstance(decide(evidence(RELEASED), POLICY, at(-3600)), WaitUntil)


@pytest.mark.parametrize(
    ("one", "until", "confidence"),
    [
        (series(10, 11), 11, Confidence.SUPPORTED),
        (series(10, 11, regular=False), 14, Confidence.TIMED),
        (series(10), 25, Confidence.TIMED),
        (series(10, 9), 25, Confidence.TIMED),
    ],
    ids=["regular at the release", "irregular after quiet time", "not released", "released too early"],
)
def test_a_series_is_complete_while_its_exam_is_open(one: SeriesEvidence, until: float, confidence: Confidence) -> None:
    found = evidence(one, series(12, uid=OTHER))
    assert isinstance(decide_series(found, one, POLICY, at(until - 0.001)), WaitUntil)
    decision = decide_series(found, one, POLICY, at(until))
    assert isinstance(decision, Complete)
    assert decision.confidence is confidence


def test_a_series_that_lacks_slices_is_never_complete() -> None:
    one = series(10, 11, regular=False, missing=GAP)
    assert decide_series(evidence(one), one, POLICY, at(70)) == WaitUntil(until=at(71), reason=f"series 3: {GAP}")
    assert decide_series(evidence(one), one, POLICY, at(71)) == Incomplete(because=f"series 3: {GAP}")


def test_the_count_that_agrees_is_named() -> None:
    one = series(10, 11, agreeing="35 of 35 by ImagesInAcquisition")
    assert decide_series(evidence(one), one, POLICY, at(11)) == Complete(
        reason="sender released, 35 of 35 by ImagesInAcquisition", confidence=Confidence.SUPPORTED
    )


def test_a_series_that_a_procedure_step_lists_needs_no_release() -> None:
    one = series(10, regular=False)
    found = evidence(one, series(40, uid=OTHER), steps=(step(StepState.COMPLETED, 5, _1_2_3_1=0, _1_2_3_2=4),))
    assert decide_series(found, one, POLICY, at(10)) == ALL_HERE


moments = st.one_of(st.none(), st.integers(0, 20000))


@given(
    last=st.integers(0, 20000),
    released=moments,
    regular=st.booleans(),
    missing=st.sampled_from(["", GAP]),
    exams=st.integers(0, 9),
    pause=st.integers(0, 10000),
    steps=st.lists(st.tuples(st.sampled_from(list(StepState)), st.integers(0, 20000), st.integers(0, 3)), max_size=2),
)
def test_nothing_waits_for_ever_and_time_never_reopens_a_decision(
    last: int,
    released: int | None,
    regular: bool,
    missing: str,
    exams: int,
    pause: int,
    steps: list[tuple[StepState, int, int]],
) -> None:
    found = evidence(
        series(last, released, regular=regular, missing=missing),
        manner=Manner(exams=exams, longest_pause=timedelta(seconds=pause)),
        steps=tuple(step(state, updated, _1_2_3_1=count) for state, updated, count in steps),
    )
    heard = max([last, released or 0, *(updated for _, updated, _ in steps)])
    assert not isinstance(decide(found, POLICY, at(heard + POLICY.longest_wait)), WaitUntil)
    decided = [not isinstance(decide(found, POLICY, at(second)), WaitUntil) for second in range(0, 22000, 997)]
    assert decided == sorted(decided)
    gap = replace(found.series[0], missing=GAP)
    if isinstance(decide(found, POLICY, at(heard)), WaitUntil):
        assert isinstance(decide(replace(found, series=(gap,)), POLICY, at(heard)), WaitUntil)
