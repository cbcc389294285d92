"""Alembic's entry: run migrations on the connection the node hands over."""

from alembic import context

from dicomnode.index import schema_advice  # noqa: F401 - its tables are part of the metadata
from dicomnode.index.schema import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    include_name=lambda name, kind, parents: kind != "schema" or name is None,
)
with context.begin_transaction():
    context.run_migrations()
