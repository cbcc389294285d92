"""The advice on each exam, facts of patients, and the facts a task was planned with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "advice",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("exam", sa.Integer(), nullable=False),
        sa.Column("label", sa.JSON(), nullable=False),
        sa.Column("opened", sa.DateTime(), nullable=False),
        sa.Column("deadline", sa.DateTime(), nullable=False),
        sa.Column("counting", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cautions", sa.JSON(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("stated", sa.DateTime(), nullable=True),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("acknowledged", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"], ["study.study_instance_uid"], name=op.f("fk_advice_study_instance_uid_study")
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_advice")),
    )
    op.create_table(
        "patient_fact",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("accession_number", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("observed", sa.DateTime(), nullable=True),
        sa.Column("received", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_fact")),
    )
    with op.batch_alter_table("patient_fact") as fact:
        fact.create_index(fact.f("ix_patient_fact_patient_id"), ["patient_id"], unique=False)
    with op.batch_alter_table("task") as task:
        task.add_column(sa.Column("facts", sa.JSON(), nullable=False, server_default="{}"))
