"""What peers were found to accept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select

from dicomnode.index.database import Transaction
from dicomnode.index.schema import ProfileRow


def write(session: Transaction, peer: str, found: Mapping[tuple[str, str], bool], now: datetime) -> None:
    """Keep what a probe found, (SOP class, transfer syntax) to accepted, in place of what an earlier one did."""
    session.execute(delete(ProfileRow).where(ProfileRow.peer == peer))
    session.add_all(
        ProfileRow(peer=peer, sop_class_uid=uid, transfer_syntax_uid=syntax, accepted=accepted, asked=now)
        for (uid, syntax), accepted in found.items()
    )


def accepted(session: Transaction, peer: str) -> tuple[datetime | None, frozenset[str]]:
    """When a peer was last probed, and the SOP classes it accepted in some encoding."""
    rows = session.scalars(select(ProfileRow).where(ProfileRow.peer == peer)).all()
    asked = max((row.asked for row in rows), default=None)
    return asked, frozenset(row.sop_class_uid for row in rows if row.accepted)
