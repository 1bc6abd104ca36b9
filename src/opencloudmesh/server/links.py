"""Links that our people give away: whoever has one can ask for a file or folder, without seeing it.

IETF-OCM, "Public Invite Flow". What visitors ask is in `share_requests`; nothing is opened by the token itself. A
link goes where its file goes, and ends with it.
"""

from __future__ import annotations

import hmac
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import FieldError, Invalid, NotFound
from opencloudmesh.protocol.protocols import READ
from opencloudmesh.server import shares
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import links
from opencloudmesh.server.subtrees import at_or_below

ASK = "ask"  # the mode: visitors can ask, and see nothing

Row = sa.Row[Any]


def create(
    tx: Tx,
    account: str,
    *,
    path: str,
    resource_type: str,
    permissions: frozenset[str] = frozenset({READ}),
    description: str = "",
    expiration: int | None = None,
) -> Row:
    """A new link. `permissions` are the most that anybody gets by it, `expiration` is until when one can ask.

    Raises `Invalid` naming the wrong fields.
    """
    wrong = shares.wrong_terms(tx, permissions, expiration)
    if not path:
        wrong.append(FieldError("path", "INVALID"))
    if wrong:
        raise Invalid("The link is not complete.", fields=wrong)
    link_id = tx.id()
    row = {
        "id": link_id,
        "account": account,
        "token": tx.secret(),
        "mode": ASK,
        "path": path,
        "resource_type": resource_type,
        "permissions": shares.granted_by(permissions),
        "description": description,
        "expiration": expiration,
    }
    tx.run(links.insert().values(**row, created=tx.now))
    return get(tx, link_id)


def get(tx: Tx, link_id: str, *, account: str | None = None) -> Row:
    """A link, if it is that person's. Raises `NotFound`."""
    query = sa.select(links).where(links.c.id == link_id)
    row = tx.one(query if account is None else query.where(links.c.account == account))
    if row is None:
        raise NotFound("There is no such link.")
    return row


def listing(tx: Tx, account: str) -> list[Row]:
    """The links that a person gave away, newest first, also those that have expired."""
    query = sa.select(links).where(links.c.account == account)
    return list(tx.all(query.order_by(links.c.created.desc(), links.c.id)))


def remove(tx: Tx, link_id: str, *, account: str | None = None) -> None:
    """Nobody can ask by it any more, and who has asked is forgotten; what was granted stays shared. `NotFound`."""
    row = get(tx, link_id, account=account)
    tx.run(links.delete().where(links.c.id == row.id))


def path_removed(tx: Tx, account: str, path: str) -> None:
    """A file or folder is gone: links to it and to anything below it end, with the requests made by them."""
    tx.run(links.delete().where(links.c.account == account, at_or_below(links.c.path, path)))


def opened_by(tx: Tx, token: str) -> Row:
    """The link that a token is of. Raises `NotFound`, in the same words for one that never was and one that ended."""
    row = tx.one(sa.select(links).where(links.c.token == token))
    # The index found it; the comparison that decides takes the same time for any token.
    if row is None or not hmac.compare_digest(row.token.encode(), token.encode()) or _is_over(row, tx.now):
        raise NotFound("This link leads nowhere, or not any more. Ask the person who gave it to you.")
    return row


def _is_over(row: Row, now: int) -> bool:
    return row.expiration is not None and row.expiration <= now
