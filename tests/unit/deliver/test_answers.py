"""Every answer of a destination has one meaning."""

from __future__ import annotations

import pytest

from dicomnode.deliver.answers import judge
from dicomnode.domain.delivery import DeliveryState


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0x0000, DeliveryState.DELIVERED),
        (0xB000, DeliveryState.DELIVERED),
        (0xB006, DeliveryState.DELIVERED),
        (0xB007, DeliveryState.DELIVERED),
        (0x0111, DeliveryState.DELIVERED),
        (0xA700, DeliveryState.WAITING),
        (0xA7FF, DeliveryState.WAITING),
        (0x0110, DeliveryState.WAITING),
        (0x0213, DeliveryState.WAITING),
        (None, DeliveryState.PARKED),
        (0x0122, DeliveryState.PARKED),
        (0x0124, DeliveryState.PARKED),
        (0xA900, DeliveryState.PARKED),
        (0xC000, DeliveryState.PARKED),
    ],
)
def test_meaning(status: int | None, state: DeliveryState) -> None:
    assert judge(status) is state
