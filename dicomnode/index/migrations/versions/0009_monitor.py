"""The decision ledger, references, alarms, freezes, outcomes and streams."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MODEL = ("plugin", "model", "model_version", "model_digest")


def upgrade() -> None:
    _decision()
    op.create_table(
        "reference",
        *_model(),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("watched", sa.Integer(), nullable=False),
        sa.Column("frozen", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint(*_MODEL, name=op.f("pk_reference")),
    )
    op.create_table(
        "alarm",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("raised", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        *_model(),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("subject", "text")),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("value", "limit")),
        sa.Column("at_entry", sa.Integer(), nullable=False),
        sa.Column("acknowledged", sa.DateTime(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("acknowledged_by", "note")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    op.create_table(
        "freeze",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("by", "reason")),
        sa.Column("lifted", sa.DateTime(), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_freeze")),
    )
    op.create_table(
        "outcome",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("positive", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("imported", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", "plugin", name=op.f("pk_outcome")),
    )
    _stream()


def _model() -> list[sa.Column[str]]:
    return [
        sa.Column("plugin", sa.String(length=64), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.String(length=64), nullable=False),
    ]


def _decision() -> None:
    op.create_table(
        "decision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("decided", sa.DateTime(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("accession_number", sa.Text(), nullable=False),
        *_model(),
        sa.Column("plugin_version", sa.String(length=64), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column("positive", sa.Boolean(), nullable=True),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("scores", "features", "inputs")),
        sa.Column("sender", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("shadow", "withheld", "superseded")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("task_id", "place", name=op.f("uq_decision_task_id_place")),
    )
    with op.batch_alter_table("decision") as decision:
        decision.create_index(decision.f("ix_decision_plugin_model"), ["plugin", "model"], unique=False)
        decision.create_index(decision.f("ix_decision_study_instance_uid"), ["study_instance_uid"], unique=False)


def _stream() -> None:
    op.create_table(
        "stream",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sender", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("scanner", "protocol")),
        sa.Column("arrived", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
        sa.UniqueConstraint(
            "study_instance_uid",
            "sender",
            "scanner",
            "protocol",
            name=op.f("uq_stream_study_instance_uid_sender_scanner_protocol"),
        ),
    )
    with op.batch_alter_table("stream") as stream:
        stream.create_index(stream.f("ix_stream_arrived"), ["arrived"], unique=False)
