"""A peer may call several shares by one providerId."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table("received") as batch:
        batch.drop_constraint("uq_received_host_provider_id", type_="unique")
        batch.create_index("ix_received_host_provider_id", ["host", "provider_id"])
