from __future__ import annotations

import pytest

from dicomnode.domain.task import ResultKind
from dicomnode.encode.series import Form, describe, plan
from dicomnode.encode.work import Mode
from tests import cases

KINDS: tuple[ResultKind, ...] = ("SR", "SEG", "SEG", "PM")
FORMS = [Form(kind=kind, title=f"Title {number}") for number, kind in enumerate(KINDS)]


def test_every_series_has_its_own_number_and_uids() -> None:
    series = plan(cases.work({}, {}), FORMS)
    numbers = [place.number for place in series]
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert 90000 <= numbers[0] <= 99900
    assert numbers[0] % 100 == 0
    assert [place.index for place in series] == [0, 0, 1, 0]
    assert len({place.uid for place in series} | {place.instance_uid() for place in series}) == 8


def test_instances_of_a_series_differ() -> None:
    (series,) = plan(cases.work({}, {}), [Form(kind="SC", title="Pictures")])
    assert len({series.instance_uid(number) for number in range(1, 300)}) == 299


def test_another_task_has_other_uids() -> None:
    (one,) = plan(cases.work({}, {}), FORMS[:1])
    (other,) = plan(cases.work({}, {}, task_id="0" * 64), FORMS[:1])
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
