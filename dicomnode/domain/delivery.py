"""One result object at one destination: sent, and then proven to be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicomnode.domain.identity import AETitle, Digest, SOPClassUID, SOPInstanceUID


class DeliveryState(StrEnum):
    """The life of one object at one destination."""

    QUEUED = "queued"
    WAITING = "waiting"
    """A transient error; the next attempt has a time."""
    DELIVERED = "delivered"
    """Acknowledged with success or a warning status; where proof is asked for, that is still to come."""
    PROVEN = "proven"
    """The destination has said that it keeps the object."""
    UNPROVEN = "unproven"
    """Acknowledged, but the destination has no way to say whether it keeps the object."""
    REPLACED = "replaced"
    """The destination takes no such object; a poorer one of the same result stands in for it."""
    PARKED = "parked"
    """A permanent error; a person must look."""
    WITHDRAWN = "withdrawn"
    """The task was superseded or cancelled before this object left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One object on its way to one destination."""

    delivery_id: int
    sop_instance_uid: SOPInstanceUID
    sop_class_uid: SOPClassUID
    kind: str
    store_key: str
    attempts: int
    queued: datetime
    """Since when it has been waiting to be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a destination answered to one object."""

    status: int | None
    """DIMSE status; None when the object never left, because its own bytes are gone."""
    text: str
    """The status in words."""
    remark: str = ""
    """What else a person should know of it, even where all went well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the destination said about one parcel."""

    delivery_id: int
    state: DeliveryState
    status: int | None
    """DIMSE status, or None when none came."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An instance by its class and UID."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """An acknowledged object whose destination has not yet said that it keeps it."""

    delivery_id: int
    reference: Reference
    store_key: str
    attempts: int
    queued: datetime
    delivered: datetime
    transaction_uid: str
    """The storage commitment that was asked for last; empty when none was."""
    asked: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A storage commitment we asked for, with the deliveries as they stand now."""

    transaction_uid: str
    task_id: Digest
    attempt: int
    peer: str
    parcels: tuple[Delivered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentReport:
    """What a destination reports on a storage commitment (PS3.4 J.3.3)."""

    transaction_uid: str
    calling_aet: AETitle
    committed: frozenset[Reference]
    failed: Mapping[Reference, int]
    """Failure Reason (0008,1197) of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the proof of one delivery came to."""

    delivery_id: int
    state: DeliveryState
    reason: str
