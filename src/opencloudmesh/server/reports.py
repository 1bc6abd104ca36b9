"""What our people hear of the shares that they gave: what became of each, and since when a server cannot be told."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.server import news
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import shares

FAILING_AFTER = 900  # seconds for which a peer may be away before the owner is told

Row = sa.Row[Any]


def inform(tx: Tx, row: Row, event: str, *, once: bool = False) -> None:
    """The owner is told what became of it."""
    name = row.path.rpartition("/")[2]
    who = {"who": row.share_with, "who_name": row.recipient_name or ""}
    news.tell(tx, row.owner, event, subject=row.id, name=name, once=once, **who)


def fails(tx: Tx, row: Row, reason: str) -> None:
    """The peer does not take what is said of it. When that has lasted a while, the owner is told."""
    since = tx.now if row.failing_since is None else row.failing_since
    tx.run(shares.update().where(shares.c.id == row.id).values(error=reason, failing_since=since))
    if tx.now - since >= FAILING_AFTER:
        inform(tx, row, news.FAILING, once=True)


def reached(tx: Tx, share_id: str) -> None:
    """The peer has answered about it: whatever could not be told to it, that is over."""
    failing = shares.c.id == share_id, shares.c.failing_since.is_not(None)  # which nothing is of what has ended
    row = tx.one(sa.select(shares.c.owner).where(*failing))
    if row is not None:
        tx.run(shares.update().where(*failing).values(error=None, failing_since=None))
        news.take_back(tx, row.owner, news.FAILING, share_id)
