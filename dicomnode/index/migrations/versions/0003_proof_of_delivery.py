"""Proof of delivery: storage commitments asked for, and what each delivery waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("delivery") as batch_op:
        batch_op.add_column(sa.Column("delivered", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("transaction_uid", sa.String(length=64), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("asked", sa.DateTime(), nullable=True))
    op.execute("UPDATE delivery SET delivered = updated WHERE state = 'delivered'")
    op.create_table(
        "commitment",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("asked", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.task_id"], name=op.f("fk_commitment_task_id_task")),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_commitment")),
    )
    with op.batch_alter_table("commitment") as batch_op:
        batch_op.create_index(batch_op.f("ix_commitment_task_id"), ["task_id"], unique=False)
    op.create_table(
        "refused_report",
        sa.Column("calling_aet", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=128), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("calling_aet", "reason", name=op.f("pk_refused_report")),
    )
