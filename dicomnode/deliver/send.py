"""One attempt to bring parcels to a peer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from dicomnode.deliver.answers import judge
from dicomnode.deliver.patience import exhausted
from dicomnode.domain.delivery import Answer, DeliveryState, Parcel, Receipt
from dicomnode.errors import Refused, Unreachable
from dicomnode.settings import DeliverySettings, PeerSettings

log = logging.getLogger(__name__)


Store = Callable[[PeerSettings, Sequence[Path]], Iterable[Answer]]
"""Send files to a peer over one association, one answer for each file in their order.

Raises Unreachable or Refused when there is no association; it may also end early, with answers missing.
"""


def attempt(
    peer: PeerSettings,
    parcels: Sequence[Parcel],
    path: Callable[[str], Path],
    store: Store,
    policy: DeliverySettings,
    now: datetime,
) -> list[Receipt]:
    """Send parcels once and say what became of each.

    A refusal of the association as a whole is waited out: an administrator mends a wrong AE title at the other end.
    """
    receipts: list[Receipt] = []
    lost = "the association ended early"
    try:
        answers = store(peer, [path(parcel.store_key) for parcel in parcels])
        # Answers first: only an iterator that is asked once more after its last answer releases its association.
        for answer, parcel in zip(answers, parcels, strict=False):
            receipts.append(_receipt(parcel, answer))
    except (Unreachable, Refused) as error:
        lost = str(error)
    except Exception as error:  # last border: what nobody foresaw must wait its turn and be given up, not hang for ever
        log.exception("delivery failed unexpectedly", extra={"peer": peer.name})
        lost = f"unexpected {type(error).__name__}; see the log at this time"
    if remarks := sum(bool(receipt.reason) for receipt in receipts if receipt.state == DeliveryState.DELIVERED):
        log.warning("delivered with a remark", extra={"peer": peer.name, "count": remarks})
    receipts += [
        Receipt(delivery_id=parcel.delivery_id, state=DeliveryState.WAITING, status=None, reason=lost)
        for parcel in parcels[len(receipts) :]
    ]
    return [_give_up(parcel, receipt, policy, now) for parcel, receipt in zip(parcels, receipts, strict=True)]


def put_by(parcels: Sequence[Parcel], state: DeliveryState, reason: str) -> list[Receipt]:
    """Leave parcels unsent, for a time or for a person to look at."""
    return [Receipt(delivery_id=parcel.delivery_id, state=state, status=None, reason=reason) for parcel in parcels]


def _receipt(parcel: Parcel, answer: Answer) -> Receipt:
    reason = "; ".join(filter(None, ("" if answer.status == 0 else answer.text, answer.remark)))
    return Receipt(delivery_id=parcel.delivery_id, state=judge(answer.status), status=answer.status, reason=reason)


def _give_up(parcel: Parcel, receipt: Receipt, policy: DeliverySettings, now: datetime) -> Receipt:
    if receipt.state != DeliveryState.WAITING or not exhausted(parcel.queued, now, policy):
        return receipt
    reason = f"given up: {receipt.reason}"
    return Receipt(delivery_id=receipt.delivery_id, state=DeliveryState.PARKED, status=receipt.status, reason=reason)
