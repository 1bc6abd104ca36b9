"""What has begun and must be completed soon: a secret that leads to the next step of something, and to nothing else.

A ticket is no session: between a right password and the second factor, for one, there is only a ticket.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Unauthenticated
from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.schema import tickets

SECOND = "second"  # the password was right, and a second factor is asked for
REGISTER, PASSKEY = "register", "passkey"  # a passkey is being made, or shown
OPENID = "openid"  # the browser is at the OpenID provider
KINDS = (SECOND, REGISTER, PASSKEY, OPENID)
LIFETIME = 600  # seconds

Row = sa.Row[Any]


def issue(tx: Tx, kind: str, account: str | None = None, **data: Any) -> str:
    """A new ticket; its secret, which is kept nowhere."""
    assert kind in KINDS
    secret = tx.secret()
    row = {"digest": digest_of(secret), "kind": kind, "account": account, "data": data, "until": tx.now + LIFETIME}
    tx.run(tickets.insert(), row)
    return secret


def find(tx: Tx, kind: str, secret: str) -> Row:
    """A ticket of that kind. Raises `Unauthenticated` where there is none, or its time is over."""
    alive = tickets.c.digest == digest_of(secret), tickets.c.kind == kind, tickets.c.until > tx.now
    row = tx.one(sa.select(tickets).where(*alive))
    if row is None:
        raise Unauthenticated("This took too long. Begin again.")
    return row


def take(tx: Tx, kind: str, secret: str) -> Row:
    """As `find`, and it is used up."""
    row = find(tx, kind, secret)
    tx.run(tickets.delete().where(tickets.c.digest == row.digest))
    return row


def purge(tx: Tx) -> None:
    """Removes what nobody has completed."""
    tx.run(tickets.delete().where(tickets.c.until <= tx.now))
