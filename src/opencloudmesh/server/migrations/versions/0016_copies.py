"""What people copy from received shares to their own files."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "copies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("job", sa.String(length=36), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("received", sa.String(length=36), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.id"], name=op.f("fk_copies_account"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["received"], ["received.id"], name=op.f("fk_copies_received"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_copies")),
    )
    with op.batch_alter_table("copies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_copies_account"), ["account"], unique=False)
        batch_op.create_index(batch_op.f("ix_copies_job"), ["job"], unique=False)
        batch_op.create_index(batch_op.f("ix_copies_received"), ["received"], unique=False)
        batch_op.create_index(batch_op.f("ix_copies_state_due"), ["state", "due"], unique=False)
