"""An index for what waits for one server: with each answer of a server, what waits for it is looked for."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_index("ix_outbox_host_due", "outbox", ["host", "due"])
