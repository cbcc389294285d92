"""What a destination takes: the classes each kind of result may be, and what stands in for one that is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from dicomnode.domain.delivery import DeliveryState, Receipt
from dicomnode.domain.task import STANDS_IN, ResultKind

CLASSES: Final[Mapping[ResultKind, tuple[str, ...]]] = {
    "SC": ("1.2.840.10008.5.1.4.1.1.7",),
    "MR": ("1.2.840.10008.5.1.4.1.1.4",),
    "PM": ("1.2.840.10008.5.1.4.1.1.30",),
    "PM16": ("1.2.840.10008.5.1.4.1.1.30",),
    "SEG": ("1.2.840.10008.5.1.4.1.1.66.4",),
    "LABELMAP": ("1.2.840.10008.5.1.4.1.1.66.7",),
    "RTSTRUCT": ("1.2.840.10008.5.1.4.1.1.481.3",),
    "REG": ("1.2.840.10008.5.1.4.1.1.66.1",),
    "PR": (
        "1.2.840.10008.5.1.4.1.1.11.1",
        "1.2.840.10008.5.1.4.1.1.11.3",
        "1.2.840.10008.5.1.4.1.1.11.8",
    ),
    "SR": ("1.2.840.10008.5.1.4.1.1.88.34",),
    "SR-VIEWER": ("1.2.840.10008.5.1.4.1.1.88.34",),
    "KOS": ("1.2.840.10008.5.1.4.1.1.88.59",),
    "PDF": ("1.2.840.10008.5.1.4.1.1.104.1",),
}
"""SOP classes of each kind of result (PS3.4 Table B.5-1)."""


def taken(accepted: Collection[str]) -> tuple[ResultKind, ...]:
    """The kinds of which a destination accepts every class."""
    return tuple(kind for kind, classes in CLASSES.items() if accepted and set(classes) <= set(accepted))


def fall_back(
    receipts: Sequence[Receipt],
    kinds: Mapping[int, str],
    standing: Mapping[str, Collection[DeliveryState]],
) -> tuple[list[Receipt], frozenset[str]]:
    """Give an object that a destination refused for good a stand-in, where there is one it has not refused.

    Parameters
    ----------
    receipts : sequence of Receipt
        What became of one attempt.
    kinds : mapping
        Kind of result by delivery.
    standing : mapping
        For each kind the task has made: the states of its objects at this destination; none when it was not meant
        to go there.

    Returns
    -------
    receipts : list of Receipt
        The same, refused ones REPLACED where something stands in for them.
    kinds : frozenset of str
        What has to be sent in addition.

    Examples
    --------
    >>> seg = Receipt(delivery_id=1, state=DeliveryState.PARKED, status=0x0122, reason="not taken")
    >>> replaced, more = fall_back([seg], {1: "SEG"}, {"SEG": ["queued"], "SC": []})
    >>> replaced[0].state, more
    (<DeliveryState.REPLACED: 'replaced'>, frozenset({'SC'}))
    """
    refused = {kinds[receipt.delivery_id] for receipt in receipts if receipt.state == DeliveryState.PARKED}
    refused |= {kind for kind, states in standing.items() if DeliveryState.PARKED in states}
    settled, more = [], set()
    for receipt in receipts:
        instead = _stand_in(kinds[receipt.delivery_id], standing.keys() - refused) if _spoken(receipt) else None
        if instead is None:
            settled.append(receipt)
            continue
        reason = f"{receipt.reason}; {instead} stands in for it"
        settled.append(replace(receipt, state=DeliveryState.REPLACED, reason=reason))
        if not standing[instead]:
            more.add(instead)
    return settled, frozenset(more)


def _spoken(receipt: Receipt) -> bool:
    """Whether the destination itself refused it, for good."""
    return receipt.state == DeliveryState.PARKED and receipt.status is not None


def _stand_in(kind: str, there: Collection[str]) -> str | None:
    ladders = [others for name, others in STANDS_IN.items() if name == kind]
    return next((other for others in ladders for other in others if other in there), None)
