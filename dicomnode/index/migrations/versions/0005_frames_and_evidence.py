"""Slices may be frames of multi-frame instances; roles come with a score and the evidence against them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table, names in {"instance": ("frames",), "task_input": ("frames",), "stack": ("against", "notes")}.items():
        for name in names:
            op.add_column(table, sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("stack", sa.Column("score", sa.Double(), nullable=False, server_default="0"))
