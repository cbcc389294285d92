"""The score is the share of the evidence that speaks for a role."""

from __future__ import annotations

import pytest

from dicomnode.dicom.evidence import decided


@pytest.mark.parametrize(
    ("reasons", "against", "score"),
    [(("a",), (), 1.0), (("a",), ("x",), 0.67), (("a", "b"), ("x",), 0.75), (("a",), ("x", "y"), 0.5)],
)
def test_score(reasons: tuple[str, ...], against: tuple[str, ...], score: float) -> None:
    decision = decided("t1", *reasons, against=against)
    assert (decision.reasons, decision.against, decision.score) == (reasons, against, score)


def test_no_role_has_no_score() -> None:
    assert decided("", "ambiguous: because").score == 0
