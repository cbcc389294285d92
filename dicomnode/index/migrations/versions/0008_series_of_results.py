"""The series of each result, so that what comes back in it is known as the node's own."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("object") as batch_op:
        batch_op.add_column(sa.Column("series_instance_uid", sa.String(length=64), nullable=False, server_default=""))
        batch_op.create_index(batch_op.f("ix_object_series_instance_uid"), ["series_instance_uid"], unique=False)
