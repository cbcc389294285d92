"""What completeness is decided by: releases, procedure steps, counts at the source, counts learned."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("series") as series:
        series.add_column(sa.Column("released", sa.DateTime(), nullable=True))
        series.add_column(sa.Column("protocol", sa.String(length=64), nullable=True))
        series.add_column(sa.Column("settled", sa.Integer(), nullable=True))
        series.create_index(series.f("ix_series_protocol"), ["protocol"], unique=False)
    with op.batch_alter_table("exam") as exam:
        exam.add_column(sa.Column("sender", sa.String(length=16), nullable=False, server_default=""))
        exam.add_column(sa.Column("longest_pause", sa.Double(), nullable=False, server_default="0"))
        exam.add_column(sa.Column("confidence", sa.String(length=16), nullable=False, server_default=""))
        exam.add_column(sa.Column("completeness", sa.Text(), nullable=False, server_default=""))
        exam.create_index(exam.f("ix_exam_sender"), ["sender"], unique=False)
    op.create_table(
        "procedure_step",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("images", sa.JSON(), nullable=False),
        sa.Column("calling_aet", sa.String(length=16), nullable=False),
        sa.Column("updated", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_procedure_step")),
    )
    op.create_table(
        "procedure_step_study",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["sop_instance_uid"],
            ["procedure_step.sop_instance_uid"],
            name=op.f("fk_procedure_step_study_sop_instance_uid_procedure_step"),
        ),
        sa.PrimaryKeyConstraint("sop_instance_uid", "study_instance_uid", name=op.f("pk_procedure_step_study")),
    )
    with op.batch_alter_table("procedure_step_study") as step:
        step.create_index(step.f("ix_procedure_step_study_study_instance_uid"), ["study_instance_uid"], unique=False)
    op.create_table(
        "source_count",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("instances", sa.JSON(), nullable=False),
        sa.Column("asked", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["study.study_instance_uid"],
            name=op.f("fk_source_count_study_instance_uid_study"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_source_count")),
    )
