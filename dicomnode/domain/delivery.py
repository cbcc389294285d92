"""Sending one result object to one destination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID


class DeliveryState(StrEnum):
    """The life of one object at one destination."""

    QUEUED = "queued"
    WAITING = "waiting"
    """A transient error; the next attempt has a time."""
    DELIVERED = "delivered"
    """Acknowledged with success or a warning status."""
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
    store_key: str
    attempts: int
    queued: datetime
    """Since when it has been waiting to be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the destination said about one parcel."""

    delivery_id: int
    state: DeliveryState
    status: int | None
    """DIMSE status, or None when none came."""
    reason: str
