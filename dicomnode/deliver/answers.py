"""What a destination's answer to a C-STORE means: delivered, try again, or a person must look."""

from __future__ import annotations

from dicomnode.domain.delivery import DeliveryState

_TAKEN = frozenset({0x0000, 0xB000, 0xB006, 0xB007, 0x0001, 0x0107, 0x0116})
_ALREADY_THERE = 0x0111
_FAILED_FOR_NOW = frozenset({0x0110, 0x0213})


def judge(status: int | None) -> DeliveryState:
    """State for a C-STORE response (PS3.4 Table B.2-1, PS3.7 Annex C).

    Parameters
    ----------
    status : int or None
        DIMSE status; None when the object never left.

    Examples
    --------
    >>> judge(0xA700)
    <DeliveryState.WAITING: 'waiting'>
    """
    if status is None:
        return DeliveryState.PARKED
    if status in _TAKEN or status == _ALREADY_THERE:
        return DeliveryState.DELIVERED
    if 0xA700 <= status <= 0xA7FF or status in _FAILED_FOR_NOW:
        return DeliveryState.WAITING
    return DeliveryState.PARKED
