"""Passwords for programs, which know nothing of second factors: each is random, shown once, and can be taken back.

One opens what the session in which it was made opened: `strong` says that this one had passed a second factor.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound
from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.schema import app_passwords

MAX_NAME = 100  # characters
MAX_EACH = 100  # of one person
COARSE = 3_600  # seconds: not every request is a write

Row = sa.Row[Any]


def create(tx: Tx, account: str, name: str, *, strong: bool) -> str:
    """A new one; the password itself, which is kept nowhere. Raises `Invalid`."""
    if not 0 < len(name) <= MAX_NAME:
        raise Invalid("Name the program that it is for.", fields=[FieldError("name", "INVALID")])
    if len(listing(tx, account)) >= MAX_EACH:
        raise Invalid("There are too many app passwords. Remove some first.")
    secret = tx.secret()
    row = {"id": tx.id(), "account": account, "name": name, "digest": digest_of(secret), "strong": strong}
    tx.run(app_passwords.insert(), {**row, "created": tx.now})
    return secret


def find(tx: Tx, account: str, secret: str) -> Row | None:
    """The app password of that person, if it is one."""
    return tx.one(_BY_DIGEST, {"given": digest_of(secret), "whose": account})


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's, newest first."""
    query = sa.select(app_passwords).where(app_passwords.c.account == account)
    return list(tx.all(query.order_by(app_passwords.c.created.desc(), app_passwords.c.id)))


def is_due(row: Row, now: int) -> bool:
    """Whether one that is being used has to be told so."""
    return row.used is None or row.used <= now - COARSE


def touch(tx: Tx, row: Row) -> None:
    """It is being used."""
    tx.run(app_passwords.update().where(app_passwords.c.id == row.id).values(used=tx.now))


def revoke(tx: Tx, account: str, password_id: str) -> None:
    """It opens nothing any more. Raises `NotFound`."""
    mine = app_passwords.c.account == account, app_passwords.c.id == password_id
    if not tx.run(app_passwords.delete().where(*mine)).rowcount:
        raise NotFound("There is no such app password.")


def revoke_all(tx: Tx, account: str) -> None:
    """None of the person's opens anything any more."""
    tx.run(app_passwords.delete().where(app_passwords.c.account == account))


_BY_DIGEST = sa.select(app_passwords).where(
    app_passwords.c.digest == sa.bindparam("given"), app_passwords.c.account == sa.bindparam("whose")
)
