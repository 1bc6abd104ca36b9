"""Who is signed in, in a browser: a session is a secret that the browser shows as a cookie.

It lasts as long as it is used at least once a month, and ends with the password that it began with
(`accounts.set_password`). Whether a second factor was passed is part of it (`strong`): what demands one opens for no
other session.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.schema import sessions

LIFETIME = 30 * 86_400  # seconds without being used
COARSE = 3_600  # seconds: not every page is a write
MAX_AGENT = 300  # characters
ID_LENGTH = 24  # digits of the digest by which its owner ends it: they open nothing

Row = sa.Row[Any]


def begin(tx: Tx, account: str, *, strong: bool = False, agent: str = "") -> str:
    """A new session of a person who has proved who they are; its secret, which is kept nowhere."""
    secret = tx.secret()
    row = {"digest": digest_of(secret), "account": account, "until": tx.now + LIFETIME, "created": tx.now}
    row |= {"strong": strong, "agent": agent[:MAX_AGENT], "used": tx.now}
    tx.run(sessions.insert().values(**row))
    return secret


def find(tx: Tx, secret: str) -> Row | None:
    """The session, if it has not ended."""
    return tx.one(sa.select(sessions).where(sessions.c.digest == digest_of(secret), sessions.c.until > tx.now))


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's sessions, the one that was used last first. `id` is what ends one."""
    name = sa.func.substr(sessions.c.digest, 1, ID_LENGTH).label("id")
    query = sa.select(sessions, name).where(sessions.c.account == account, sessions.c.until > tx.now)
    return list(tx.all(query.order_by(sessions.c.used.desc(), sessions.c.digest)))


def id_of(secret: str) -> str:
    """The `id` in a listing of the session with a secret."""
    return digest_of(secret)[:ID_LENGTH]


def is_due(row: Row, now: int) -> bool:
    """Whether a session that is being used has to be told so."""
    return bool(row.used <= now - COARSE)


def renew(tx: Tx, secret: str) -> bool:
    """It is being used and lasts anew; False where it has ended meanwhile."""
    alive = sessions.c.digest == digest_of(secret), sessions.c.until > tx.now
    return tx.run(sessions.update().where(*alive).values(until=tx.now + LIFETIME, used=tx.now)).rowcount == 1


def strengthen(tx: Tx, account: str, secret: str) -> None:
    """A second factor was passed in it, for the first time: the person's other sessions end."""
    tx.run(sessions.update().where(sessions.c.digest == digest_of(secret)).values(strong=True))
    end_all(tx, account, but=secret)


def weaken(tx: Tx, account: str) -> None:
    """The person has no second factor any more."""
    tx.run(sessions.update().where(sessions.c.account == account).values(strong=False))


def end(tx: Tx, secret: str) -> None:
    """The person signs out."""
    tx.run(sessions.delete().where(sessions.c.digest == digest_of(secret)))


def end_one(tx: Tx, account: str, session_id: str) -> None:
    """The person ends one of their sessions, wherever it is. Raises `NotFound`."""
    for row in listing(tx, account):
        if row.id == session_id:
            tx.run(sessions.delete().where(sessions.c.digest == row.digest))
            return
    raise NotFound("There is no such session.")


def end_all(tx: Tx, account: str, *, but: str = "") -> None:
    """The person's sessions end, but for the one with a secret."""
    tx.run(sessions.delete().where(sessions.c.account == account, sessions.c.digest != digest_of(but)))


def purge(tx: Tx) -> None:
    """Removes sessions whose time is over."""
    tx.run(sessions.delete().where(sessions.c.until <= tx.now))
