"""When an exam counts as complete."""

from __future__ import annotations

import pytest

from dicomnode.assemble.completeness import Complete, Wait, decide
from dicomnode.domain.exam import Arrivals
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.settings import CompletenessSettings
from tests.values import at

POLICY = CompletenessSettings(series_quiet=3.0, exam_quiet=15.0)


def arrivals(last: float, release: float | None) -> Arrivals:
    return Arrivals(
        exam_id=1,
        study_instance_uid=StudyInstanceUID("1.2.3"),
        revision=1,
        first_arrival=at(0),
        last_arrival=at(last),
        last_release=None if release is None else at(release),
    )


@pytest.mark.parametrize(
    ("last", "release", "due", "said"),
    [
        (10, None, 25, "nothing new for 15 s"),
        (10, 9, 25, "nothing new for 15 s"),
        (10, 10, 13, "sender released, nothing new for 3 s"),
        (10, 11, 14, "sender released, nothing new for 3 s"),
        (10, 24, 25, "nothing new for 15 s"),
    ],
    ids=["no release", "release of an earlier association", "released at once", "released later", "released late"],
)
def test_complete_exactly_when_due(last: float, release: float | None, due: float, said: str) -> None:
    seen = arrivals(last, release)
    assert decide(seen, POLICY, at(due - 0.001)) == Wait(until=at(due), reason=f"waiting for: {said}")
    assert decide(seen, POLICY, at(due)) == Complete(reason=said)
    assert decide(seen, POLICY, at(due + 3600)) == Complete(reason=said)


def test_a_clock_that_went_back_waits() -> None:
    assert decide(arrivals(10, 10), POLICY, at(-3600)) == Wait(
        until=at(13), reason="waiting for: sender released, nothing new for 3 s"
    )
