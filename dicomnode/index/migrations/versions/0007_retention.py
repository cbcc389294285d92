"""Files on their way out."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leaving",
        sa.Column("store_key", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("store_key", name=op.f("pk_leaving")),
    )
