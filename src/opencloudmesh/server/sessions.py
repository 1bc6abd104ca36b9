"""Who is signed in, in a browser: a session is a secret that the browser shows as a cookie.

It lasts as long as it is used at least once a month, and ends with the password that it began with
(`accounts.set_password`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.schema import sessions

LIFETIME = 30 * 86_400  # seconds without being used
RENEWED_AFTER = 86_400  # seconds: not every page is a write

Row = sa.Row[Any]


def begin(tx: Tx, account: str) -> str:
    """A new session of a person who has proved who they are; its secret, which is kept nowhere."""
    secret = tx.secret()
    row = {"digest": digest_of(secret), "account": account, "until": tx.now + LIFETIME, "created": tx.now}
    tx.run(sessions.insert().values(**row))
    return secret


def find(tx: Tx, secret: str) -> Row | None:
    """The session, if it has not ended."""
    return tx.one(sa.select(sessions).where(sessions.c.digest == digest_of(secret), sessions.c.until > tx.now))


def is_due(row: Row, now: int) -> bool:
    """Whether a session that is being used has to be told so."""
    return bool(row.until < now + LIFETIME - RENEWED_AFTER)


def renew(tx: Tx, secret: str) -> bool:
    """It is being used and lasts anew; False where it has ended meanwhile."""
    alive = sessions.c.digest == digest_of(secret), sessions.c.until > tx.now
    return tx.run(sessions.update().where(*alive).values(until=tx.now + LIFETIME)).rowcount == 1


def end(tx: Tx, secret: str) -> None:
    """The person signs out."""
    tx.run(sessions.delete().where(sessions.c.digest == digest_of(secret)))


def purge(tx: Tx) -> None:
    """Removes sessions whose time is over."""
    tx.run(sessions.delete().where(sessions.c.until <= tx.now))
