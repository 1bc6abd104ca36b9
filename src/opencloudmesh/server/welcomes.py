"""Links by which somebody chooses a password, once and within a day: whom an operator has added or helps in again, and,
where nobody has an account yet, the first operator.

A link of the first operator ends as soon as there is any account, however it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import accounts
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.database import Tx, digest_of
from opencloudmesh.server.schema import welcomes

PATH = "/welcome"
LIFETIME = 86_400  # seconds

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Welcome:
    """What a link opens: the way in for `account`, or with None for the first operator."""

    account: Account | None


def begin(tx: Tx) -> str | None:
    """The secret of a new link for the first operator, instead of any before; None where somebody has an account."""
    if not accounts.is_empty(tx):
        return None
    return _new(tx, None)


def for_person(tx: Tx, account: str) -> str:
    """The secret of a new link for somebody who has an account, instead of any before. Raises `NotFound`."""
    accounts.get(tx, account)
    return _new(tx, account)


def opened_by(tx: Tx, secret: str) -> Welcome:
    """What the secret of a link opens. Raises `NotFound`."""
    row = tx.one(sa.select(welcomes).where(welcomes.c.digest == digest_of(secret), welcomes.c.until > tx.now))
    is_first = accounts.is_empty(tx)
    if row is None and is_first:  # there is nobody to ask
        raise NotFound("This link is not good any more. Each is good once, for a day: `ocm welcome` prints a new one.")
    if row is None or (row.account is None and not is_first):
        raise NotFound("This link is not good any more. Each is good once, for a day: ask the operator for a new one.")
    return Welcome(accounts.get(tx, row.account) if row.account is not None else None)


def use_up(tx: Tx, secret: str) -> Welcome:
    """As `opened_by`, and nothing is opened by it any more. Raises `NotFound`."""
    found = opened_by(tx, secret)
    tx.run(welcomes.delete().where(welcomes.c.digest == digest_of(secret)))
    return found


def url(public_url: str, secret: str) -> str:
    """The link."""
    return f"{public_url}{PATH}?token={secret}"


def purge(tx: Tx) -> None:
    """Removes links whose time is over."""
    tx.run(welcomes.delete().where(welcomes.c.until <= tx.now))


def _new(tx: Tx, account: str | None) -> str:
    secret = tx.secret()
    tx.run(welcomes.delete().where(welcomes.c.account == account))  # `IS NULL` where it is None
    tx.run(welcomes.insert().values(digest=digest_of(secret), account=account, until=tx.now + LIFETIME))
    return secret
