"""Moves that take rows along: the disk and the database cannot change in one step, so the intent is written first.

    intent = intend(account, source, target, inode, tx)     # then rename
    finish(intent, tx)                                      # or drop(intent, tx)

`recover` completes or drops at start what a crash left in between.
"""

from __future__ import annotations

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.server import locks, properties, schema
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import moves
from opencloudmesh.server.storage import Storage
from opencloudmesh.server.subtrees import at_or_below, moved


def recover(tx: Tx, storage: Storage) -> None:
    """At start, before anything is served: completes the moves that reached the disk, drops the others."""
    for row in tx.all(sa.select(moves).order_by(moves.c.id)):
        try:
            arrived = storage.stat(row.account, row.target).st_ino == row.inode
        except NotFound:
            arrived = False
        (finish if arrived else drop)(row.id, tx)


# What belongs to paths: the tables, and in each the column with the account.
_MOUNTED = (schema.received, schema.received.c.account)
_SHARED = (
    _MOUNTED,
    (schema.shares, schema.shares.c.owner),
    (schema.links, schema.links.c.account),
    (schema.requests, schema.requests.c.account),
)
_KEPT = ((schema.properties, schema.properties.c.account), (schema.locks, schema.locks.c.account))


def intend(account: str, source: str, target: str, inode: int, tx: Tx) -> int | None:
    """The id of a new intent; None where no row belongs to either path, so that renaming is all."""
    if _any(tx, *_MOUNTED, account, target):
        raise Conflict("A received share is mounted there.")
    if not any(_any(tx, *table, account, path) for path in (source, target) for table in _SHARED + _KEPT):
        return None
    row = {"account": account, "source": source, "target": target, "inode": inode}
    return int(tx.run(sa.insert(moves).values(row).returning(moves.c.id)).scalar_one())


def _any(tx: Tx, table: sa.Table, owner: sa.ColumnElement[str], account: str, path: str) -> bool:
    where = sa.and_(owner == account, at_or_below(table.c.path, path))
    return tx.one(sa.select(sa.literal(1)).select_from(table).where(where).limit(1)) is not None


def finish(intent: int | None, tx: Tx) -> None:
    """Takes the rows along to where the files are, once: another process may have recovered the move.

    Locks at the target stay: a client that saves by moving a new file over a locked one still holds its lock.
    """
    row = tx.one(sa.select(moves).where(moves.c.id == intent))
    if row is None:
        return
    drop(intent, tx)
    properties.move(tx, row.account, row.source, row.target)
    locks.forget(tx, row.account, row.source)
    for table, owner in _SHARED:
        where = sa.and_(owner == row.account, at_or_below(table.c.path, row.source))
        tx.run(sa.update(table).where(where).values(path=moved(table.c.path, row.source, row.target)))


def drop(intent: int | None, tx: Tx) -> None:
    """Forgets an intent: nothing was moved, or all is done."""
    tx.run(sa.delete(moves).where(moves.c.id == intent))
