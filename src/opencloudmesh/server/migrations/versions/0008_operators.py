"""Operators, who of them decided what, and links by which people choose a password."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("operator", sa.Boolean(), server_default=sa.false(), nullable=False))

    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.add_column(sa.Column("by", sa.Text(), server_default="", nullable=False))

    op.create_table(
        "welcomes",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_welcomes_account"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_welcomes")),
    )
    with op.batch_alter_table("welcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_welcomes_account"), ["account"], unique=False)
        batch_op.create_index(batch_op.f("ix_welcomes_until"), ["until"], unique=False)
