"""Alembic's entry: run migrations on the connection the node hands over."""

from alembic import context

from dicomnode.index.schema import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    include_name=lambda name, kind, parents: kind != "schema" or name is None,
)
with context.begin_transaction():
    context.run_migrations()
