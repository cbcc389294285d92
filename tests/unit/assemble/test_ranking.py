"""Which of two stacks is the better one, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dicomnode.assemble.ranking import demerit, why_before
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.stack import Stack
from tests.slices import volume


def stack(score: float = 0.0, **fields: Any) -> Stack:
    (one,) = stacks(volume("1.9", **fields))
    return replace(one, role=replace(one.role, score=score))


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        (stack(0.9), stack(0.7, slices=20), "its role is less certain (score 0.70, not 0.90)"),
        (stack(), stack(ImageType=["DERIVED", "PRIMARY"], slices=20), "it is derived, not original"),
        (stack(slices=8), stack(AcquisitionTime="235959"), "it has 6 slices, not 8"),
        (stack(AcquisitionTime="120000.5"), stack(AcquisitionTime="120000.25"), "it was acquired earlier"),
        (stack(AcquisitionDateTime="20300101120000.0+0100"), stack(), "it was acquired earlier"),
        (stack(AcquisitionTime="0900"), stack(AcquisitionTime=None), "it was acquired earlier"),
    ],
)
def test_the_first_difference_decides(better: Stack, worse: Stack, reason: str) -> None:
    assert demerit(better) < demerit(worse)
    assert why_before(better, worse) == reason
    assert why_before(worse, better) == ""


def test_hundredths_of_a_score_are_noise_below_a_hundredth() -> None:
    assert demerit(stack(0.901)) == demerit(stack(0.899))
    assert why_before(stack(0.901), stack(0.899)) == ""
