"""Alembic's entry point: migrations run on the caller's connection."""

from alembic import context

from delivrd.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
