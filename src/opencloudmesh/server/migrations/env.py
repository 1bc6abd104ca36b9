"""What Alembic runs: `server/migrate.py` hands it a connection, inside the transaction that it has begun."""

from __future__ import annotations

from alembic import context

from opencloudmesh.server.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
