"""Links that open something: passwords, and what visitors do by them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    with op.batch_alter_table("links", schema=None) as batch_op:
        batch_op.add_column(sa.Column("password", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("downloads", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("uploads", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("uploaded", sa.BigInteger(), server_default="0", nullable=False))

    with op.batch_alter_table("shares", schema=None) as batch_op:
        batch_op.add_column(sa.Column("link", sa.String(length=36), nullable=True))
        batch_op.create_index(batch_op.f("ix_shares_link"), ["link"], unique=False)
