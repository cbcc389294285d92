"""What was refused and kept: found by age, and forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select

from dicomnode.index.database import Transaction
from dicomnode.index.schema import QuarantineRow


def before(session: Transaction, moment: datetime) -> list[str]:
    """Keys of what was refused before a moment, the oldest first."""
    rows = select(QuarantineRow.store_key).where(QuarantineRow.arrived < moment)
    return list(session.scalars(rows.order_by(QuarantineRow.arrived, QuarantineRow.store_key)))


def forget(session: Transaction, keys: Sequence[str]) -> None:
    """Remove the rows of these files."""
    session.execute(delete(QuarantineRow).where(QuarantineRow.store_key.in_(keys)))
