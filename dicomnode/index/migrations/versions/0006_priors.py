"""Priors that were searched and fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "prior_search",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("begun", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"], ["study.study_instance_uid"], name=op.f("fk_prior_search_study_instance_uid_study")
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_prior_search")),
    )
    op.create_table(
        "prior",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("searched_for", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["searched_for"], ["study.study_instance_uid"], name=op.f("fk_prior_searched_for_study")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prior")),
    )
    with op.batch_alter_table("prior") as prior:
        prior.create_index(prior.f("ix_prior_searched_for"), ["searched_for"], unique=False)
        prior.create_index(prior.f("ix_prior_study_instance_uid"), ["study_instance_uid"], unique=False)
