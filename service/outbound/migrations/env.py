"""What Alembic runs for every migration: on the connection, and in the transaction, of its caller."""

from alembic import context

from service.outbound.schema_sql import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most of a table: later revisions copy it instead.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
