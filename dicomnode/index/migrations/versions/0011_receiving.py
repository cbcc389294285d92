"""Headers of instances undecoded, and when each series began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("instance", sa.Column("header", sa.LargeBinary(), nullable=True))
    op.add_column("series", sa.Column("first_arrival", sa.DateTime(), nullable=True))
    op.execute(
        "UPDATE series SET first_arrival = (SELECT min(instance.arrived) FROM instance "
        "WHERE instance.series_instance_uid = series.series_instance_uid)"
    )
