"""Reshares: whose share a share passes on, and who shared on what was received."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    with op.batch_alter_table("received", schema=None) as batch_op:
        batch_op.add_column(sa.Column("shared_by", sa.Text(), nullable=True))
    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.add_column(sa.Column("parent", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("shared_by", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("sender_id", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("received", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("at_owner", sa.JSON(), nullable=True))
        batch_op.create_index(batch_op.f("ix_shares_parent"), ["parent"], unique=False)
        batch_op.create_index(batch_op.f("ix_shares_received"), ["received"], unique=False)
