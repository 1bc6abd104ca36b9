"""The public keys with which a person comes to shares over SSH: told to the server of whoever shares so with them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound, TooManyRequests
from opencloudmesh.protocol.ssh import read_key
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import ssh_keys

MAX_KEYS = 10  # of one person
MAX_NAME = 64  # characters

Row = sa.Row[Any]


def add(tx: Tx, account: str, text: str, *, name: str = "") -> Row:
    """A new key; without a name it is called by its comment. One that is there already stays as it is.

    Raises `Invalid`, `TooManyRequests`.
    """
    key = read_key(text)
    called = name.strip() or " ".join(text.split()[2:])
    if not called.isprintable() or len(called) > MAX_NAME:
        raise Invalid("Take a shorter name.", fields=[FieldError("name", "INVALID")])
    mine = listing(tx, account)
    for row in mine:
        if row.key == key:
            return row
    if len(mine) >= MAX_KEYS:
        raise TooManyRequests("You have so many keys already. Remove one first.")
    key_id = tx.id()
    values = {"id": key_id, "account": account, "key": key, "name": called or key.partition(" ")[0]}
    tx.run(ssh_keys.insert().values(**values, created=tx.now))
    return next(row for row in listing(tx, account) if row.id == key_id)


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's keys, oldest first."""
    query = sa.select(ssh_keys).where(ssh_keys.c.account == account)
    return list(tx.all(query.order_by(ssh_keys.c.created, ssh_keys.c.id)))


def remove(tx: Tx, key_id: str, *, account: str) -> None:
    """The key is told to nobody any more. Who was told it before may still know it. Raises `NotFound`."""
    mine = sa.and_(ssh_keys.c.id == key_id, ssh_keys.c.account == account)
    if not tx.run(ssh_keys.delete().where(mine)).rowcount:
        raise NotFound("There is no such key.")


def told(tx: Tx, account: str) -> str:
    """All of a person's keys, one a line."""
    return "\n".join(row.key for row in listing(tx, account))
