"""What a destination refuses for good is replaced by the richest form it has not refused."""

from __future__ import annotations

from typing import get_args

import pytest

from dicomnode.deliver.profiles import CLASSES, fall_back, taken
from dicomnode.domain.delivery import DeliveryState, Receipt
from dicomnode.domain.task import ResultKind

PARKED, WAITING, DONE = DeliveryState.PARKED, DeliveryState.WAITING, DeliveryState.DELIVERED
Q = DeliveryState.QUEUED


def _receipt(number: int, state: DeliveryState, status: int | None = 0x0122) -> Receipt:
    return Receipt(delivery_id=number, state=state, status=status, reason="not taken")


@pytest.mark.parametrize(
    ("said", "standing", "states", "more"),
    [
        ({"SEG": PARKED}, {"SEG": {Q}, "SC": set()}, ["replaced"], {"SC"}),
        ({"SC": DONE, "SEG": PARKED}, {"SEG": {Q}, "SC": {Q}}, ["delivered", "replaced"], set()),
        ({"SC": PARKED, "SEG": PARKED}, {"SEG": {Q}, "SC": {Q}}, ["parked", "parked"], set()),
        ({"SEG": PARKED}, {"SEG": {Q}, "SC": {PARKED}}, ["parked"], set()),
        ({"SEG": PARKED}, {"SEG": {Q}}, ["parked"], set()),
        ({"SEG": WAITING}, {"SEG": {Q}, "SC": set()}, ["waiting"], set()),
        ({"PM": PARKED}, {"PM": {Q}, "PM16": set(), "SC": set()}, ["replaced"], {"PM16"}),
        ({"PM16": PARKED}, {"PM": {DeliveryState.REPLACED}, "PM16": {Q}, "SC": set()}, ["replaced"], {"SC"}),
        ({"LABELMAP": PARKED, "SEG": PARKED}, {"LABELMAP": {Q}, "SEG": {Q}, "SC": {DONE}}, ["replaced"] * 2, set()),
        ({"SR": PARKED}, {"SR": {Q}, "SC": {Q}}, ["parked"], set()),
    ],
)
def test_fall_back(
    said: dict[str, DeliveryState], standing: dict[str, set[DeliveryState]], states: list[str], more: set[str]
) -> None:
    kinds = dict(enumerate(said))
    receipts, queued = fall_back([_receipt(n, state) for n, state in enumerate(said.values())], kinds, standing)
    assert ([receipt.state for receipt in receipts], queued) == (states, more)


def test_the_stand_in_is_named() -> None:
    ((receipt,), _) = fall_back([_receipt(1, PARKED)], {1: "SEG"}, {"SEG": {Q}, "SC": set()})
    assert receipt.reason == "not taken; SC stands in for it"


def test_an_object_whose_file_is_gone_is_for_a_person() -> None:
    ((receipt,), more) = fall_back([_receipt(1, PARKED, status=None)], {1: "SEG"}, {"SEG": {Q}, "SC": set()})
    assert (receipt.state, more) == (PARKED, frozenset())


def test_every_kind_has_its_classes_and_is_taken_with_all_of_them() -> None:
    assert set(CLASSES) == set(get_args(ResultKind))
    assert taken(set()) == ()
    assert "PR" not in taken({CLASSES["PR"][0], *CLASSES["SC"]})
    assert taken({*CLASSES["SC"], *CLASSES["PR"]}) == ("SC", "PR")
