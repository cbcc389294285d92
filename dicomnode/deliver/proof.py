"""Whether a destination keeps what it acknowledged: what to ask next, and what its answers mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from dicomnode.deliver.patience import exhausted
from dicomnode.domain.delivery import CommitmentReport, Delivered, DeliveryState, Transaction, Verdict
from dicomnode.domain.identity import AETitle, SOPInstanceUID
from dicomnode.errors import InvalidArgument
from dicomnode.settings import DeliverySettings

_COMMITTED: Final = "storage commitment"
_ASK_AGAIN: Final = 0x0131
_SEND_AGAIN: Final = frozenset({0x0110, 0x0112, 0x0213})
_FAILURES: Final[Mapping[int, str]] = {
    0x0110: "processing failure",
    0x0112: "no such instance",
    0x0119: "class and instance conflict",
    0x0122: "SOP class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}
"""Failure Reason (0008,1197), PS3.3 C.14.1.1."""


def judge(
    report: CommitmentReport,
    asked: Transaction | None,
    aet: AETitle | None,
    policy: DeliverySettings,
    now: datetime,
) -> list[Verdict]:
    """What a commitment report says about each delivery; what it does not name keeps waiting.

    Parameters
    ----------
    asked : Transaction or None
        What we asked for under this transaction UID.
    aet : AETitle or None
        Title of the peer we asked.

    Raises
    ------
    InvalidArgument
        When nobody asked, somebody else was asked, or it names what we did not ask about. It changes nothing then.

    Notes
    -----
    A late success counts whatever we have come to believe meanwhile; a failure counts while it is the latest word.
    """
    if asked is None or report.calling_aet != aet:
        raise InvalidArgument("no such transaction was asked of this peer")
    named = report.committed | report.failed.keys()
    parcels = {parcel.reference: parcel for parcel in asked.parcels}
    if not named <= parcels.keys() or report.committed & report.failed.keys():
        raise InvalidArgument("the report names instances that were not asked about, or one twice")
    verdicts = [
        Verdict(delivery_id=parcels[reference].delivery_id, state=DeliveryState.PROVEN, reason=_COMMITTED)
        for reference in report.committed
    ]
    for reference, failure in report.failed.items():
        parcel = parcels[reference]
        if parcel.transaction_uid == asked.transaction_uid:
            verdicts.append(_failed(parcel, failure, policy, now))
    return sorted(verdicts, key=lambda verdict: verdict.delivery_id)


def _failed(parcel: Delivered, failure: int, policy: DeliverySettings, now: datetime) -> Verdict:
    reason = f"not committed: {_FAILURES.get(failure, 'failure')} {failure:04X}"
    if failure == _ASK_AGAIN:
        return Verdict(delivery_id=parcel.delivery_id, state=DeliveryState.DELIVERED, reason=reason)
    if failure in _SEND_AGAIN:
        return _again(parcel, reason, policy, now)
    return Verdict(delivery_id=parcel.delivery_id, state=DeliveryState.PARKED, reason=reason)


def to_ask(parcels: Sequence[Delivered]) -> tuple[Delivered, ...]:
    """Those for which no storage commitment has been asked since they were sent."""
    return tuple(parcel for parcel in parcels if parcel.asked is None)


def to_look_for(parcels: Sequence[Delivered], policy: DeliverySettings, now: datetime) -> tuple[Delivered, ...]:
    """Those that no report will come for: the destination did not take the request, or has been silent too long."""
    return tuple(parcel for parcel in parcels if _silent_for(parcel, now) >= policy.report_patience)


def _silent_for(parcel: Delivered, now: datetime) -> float:
    return float("inf") if parcel.asked is None else (now - parcel.asked).total_seconds()


def looked(
    parcels: Sequence[Delivered], found: Collection[SOPInstanceUID], policy: DeliverySettings, now: datetime
) -> list[Verdict]:
    """What a query for acknowledged objects says; one not found yet is given some time, then sent again."""
    verdicts = []
    for parcel in parcels:
        if parcel.reference.sop_instance_uid in found:
            state, reason = DeliveryState.PROVEN, "found by query"
            verdicts.append(Verdict(delivery_id=parcel.delivery_id, state=state, reason=reason))
        elif (now - parcel.delivered).total_seconds() >= policy.settle_time:
            verdicts.append(_again(parcel, "acknowledged, but not found by query", policy, now))
    return verdicts


def _again(parcel: Delivered, reason: str, policy: DeliverySettings, now: datetime) -> Verdict:
    if exhausted(parcel.queued, now, policy):
        return Verdict(delivery_id=parcel.delivery_id, state=DeliveryState.PARKED, reason=f"given up: {reason}")
    return Verdict(delivery_id=parcel.delivery_id, state=DeliveryState.WAITING, reason=reason)


def unproven(parcels: Sequence[Delivered], reason: str) -> list[Verdict]:
    """The destination has no way to say."""
    return [Verdict(delivery_id=parcel.delivery_id, state=DeliveryState.UNPROVEN, reason=reason) for parcel in parcels]


def unreachable(parcels: Sequence[Delivered], reason: str, policy: DeliverySettings, now: datetime) -> list[Verdict]:
    """The destination cannot be asked at present; after too long a time that is its last word."""
    return unproven([parcel for parcel in parcels if exhausted(parcel.queued, now, policy)], f"given up: {reason}")


def next_look(parcels: Sequence[Delivered], wait: float, policy: DeliverySettings, now: datetime) -> float:
    """Seconds until there is something to do for these: `wait`, or when the earliest report is overdue."""
    overdue = (policy.report_patience - _silent_for(parcel, now) for parcel in parcels if parcel.asked is not None)
    earliest = min(overdue, default=0.0)
    return max(wait, earliest)
