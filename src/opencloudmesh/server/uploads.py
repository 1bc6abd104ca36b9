"""Files that arrive in pieces, so that a lost connection costs no more than the piece that was under way.

The bytes are in `partials`, and how many there are is asked there: a row says only what they are to become.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import NotFound, TooManyRequests
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import uploads

LIFETIME = 7 * 86_400  # seconds without a piece
MAX_UNFINISHED = 200  # of one person

Row = sa.Row[Any]


def begin(tx: Tx, account: str, path: str, *, size: int, modified: int, replaces: bool) -> str:
    """The id of an upload: of the one that was broken off, where the same file was sent to the same place before.

    `size` in bytes, `modified` in milliseconds. Raises `TooManyRequests` where too many are unfinished.
    """
    same = uploads.c.path == path, uploads.c.size == size, uploads.c.modified == modified
    known = tx.all(sa.select(uploads.c.id).where(uploads.c.account == account, *same))
    values = {"replaces": replaces, "touched": tx.now}
    if known:
        tx.run(uploads.update().where(uploads.c.id == known[0].id).values(values))
        return str(known[0].id)
    if len(listing(tx, account)) >= MAX_UNFINISHED:
        raise TooManyRequests("Too many uploads are unfinished. Complete or discard some of them.")
    row = {"id": tx.id(), "account": account, "path": path, "size": size, "modified": modified, **values}
    tx.run(uploads.insert().values(row))
    return str(row["id"])


def get(tx: Tx, upload_id: str, *, account: str) -> Row:
    """An upload of a person. Raises `NotFound`."""
    row = tx.one(sa.select(uploads).where(uploads.c.id == upload_id, uploads.c.account == account))
    if row is None:
        raise NotFound("There is no such upload. It may be complete, or was discarded.")
    return row


def listing(tx: Tx, account: str) -> list[Row]:
    """What a person has not finished, by path."""
    return list(tx.all(sa.select(uploads).where(uploads.c.account == account).order_by(uploads.c.path)))


def announced(tx: Tx, account: str) -> int:
    """Bytes that a person's unfinished uploads will have."""
    return sum(row.size for row in listing(tx, account))


def touch(tx: Tx, upload_id: str) -> None:
    """A piece has arrived."""
    tx.run(uploads.update().where(uploads.c.id == upload_id).values(touched=tx.now))


def end(tx: Tx, upload_id: str) -> None:
    """It is complete, or discarded."""
    tx.run(uploads.delete().where(uploads.c.id == upload_id))


def purge(tx: Tx) -> None:
    """Forgets those of which nothing has come for long."""
    tx.run(uploads.delete().where(uploads.c.touched <= tx.now - LIFETIME))


def known(tx: Tx) -> set[str]:
    """The ids of all there are."""
    return {row.id for row in tx.all(sa.select(uploads.c.id))}
