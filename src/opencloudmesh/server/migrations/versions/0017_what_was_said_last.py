"""When what a peer said last of a share was signed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    with op.batch_alter_table("received") as received:
        received.add_column(sa.Column("said", sa.BigInteger(), nullable=True))
