from __future__ import annotations

import pytest

from dicomnode.encode.series import describe, plan
from dicomnode.encode.work import Mode
from tests import cases

TITLES = [("SR", "Report"), ("SEG", "One"), ("SEG", "Two"), ("PM", "Map")]


def test_every_series_has_its_own_number_and_uids() -> None:
    series = plan(cases.work({}, {}), TITLES)
    numbers = [place.number for place in series]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert 9000 <= numbers[0] <= 9990
    assert numbers[0] % 10 == 0
    assert [place.index for place in series] == [0, 0, 1, 0]
    assert len({place.uid for place in series} | {place.instance_uid() for place in series}) == 8


def test_instances_of_a_series_differ() -> None:
    (series,) = plan(cases.work({}, {}), [("SC", "Pictures")])
    assert len({series.instance_uid(number) for number in range(1, 300)}) == 299


def test_another_task_has_other_uids() -> None:
    (one,) = plan(cases.work({}, {}), TITLES[:1])
    (other,) = plan(cases.work({}, {}, task_id="0" * 64), TITLES[:1])
    assert one.uid != other.uid
    assert one.instance_uid() != other.instance_uid()
    assert one.number == other.number


@pytest.mark.parametrize(
    ("mode", "title", "description"),
    [
        ("research", "Fat fraction", "Fat fraction (not for diagnostic use)"),
        ("clinical", "Fat fraction", "Fat fraction (AI)"),
        ("research", "x" * 80, "x" * 39 + " (not for diagnostic use)"),
        ("clinical", "x" * 80, "x" * 59 + " (AI)"),
        ("clinical", "two\\values\nand lines", "two values and lines (AI)"),
    ],
)
def test_a_description_fits_and_ends_with_the_mark(mode: Mode, title: str, description: str) -> None:
    assert describe(title, mode) == description
    assert len(description) <= 64
