"""Links that our people give away: whoever has one opens a file or folder by it, or can ask for it.

What visitors may do is the link's `mode`, a row of `MODES`. A link by which one can ask (IETF-OCM, "Public Invite
Flow") opens nothing; what visitors ask is in `share_requests`, and what they take to their own cloud in `link_shares`.
A link goes where its file goes, and ends with it.
"""

from __future__ import annotations

import hmac
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import FieldError, InsufficientStorage, Invalid, NotFound
from opencloudmesh.protocol.protocols import READ, WRITE
from opencloudmesh.server import bounds, locks, news
from opencloudmesh.server.bounds import TO_READ, Terms
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import links, requests
from opencloudmesh.server.shares import Keep
from opencloudmesh.server.subtrees import at_or_below

ASK, VIEW, UPLOAD, EDIT = "ask", "read", "upload", "edit"

# What visitors may do: ask and see nothing; read; put files there and see nothing (CVE-2021-35949); read and write.
MODES = {ASK: frozenset[str](), VIEW: frozenset({READ}), UPLOAD: frozenset[str](), EDIT: frozenset({READ, WRITE})}

Row = sa.Row[Any]


def create(
    tx: Tx,
    account: str,
    *,
    path: str,
    resource_type: str,
    mode: str = ASK,
    terms: Terms = TO_READ,
    password: str | None = None,
) -> Row:
    """A new link. `password` is the hash of one, which nobody needs to ask.

    `terms.permissions` are what somebody gets who asks by it and is let; of any other link the mode says it. Raises
    `Invalid` naming the wrong fields.
    """
    wrong = bounds.wrong_terms(tx, terms.permissions, terms.expiration) + _wrong_mode(mode, resource_type)
    if not path:
        wrong.append(FieldError("path", "INVALID"))
    if wrong:
        raise Invalid("The link is not complete.", fields=wrong)
    link_id = tx.id()
    row = {
        "id": link_id,
        "account": account,
        "token": tx.secret(),
        "mode": mode,
        "path": path,
        "resource_type": resource_type,
        "permissions": bounds.granted_by(MODES[mode] or terms.permissions),
        "password": None if mode == ASK else password,
        "description": terms.description,
        "expiration": terms.expiration,
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


def change(
    tx: Tx,
    link_id: str,
    *,
    account: str | None = None,
    mode: str | None = None,
    permissions: frozenset[str] | None = None,
    password: str | Keep | None = Keep.KEEP,
    description: str | None = None,
    expiration: int | Keep | None = Keep.KEEP,
) -> Row:
    """The owner changes a link; it counts from the next visit on. What is None stays, but `password` and `expiration`.

    With another password, or none, nobody is let in by the old one. Raises `Invalid` naming the wrong fields,
    `NotFound`.
    """
    row = get(tx, link_id, account=account)
    new_mode = mode or row.mode
    given = frozenset(row.permissions) if permissions is None else permissions
    ends = row.expiration if isinstance(expiration, Keep) else expiration
    wrong = bounds.wrong_terms(tx, given, None if ends == row.expiration else ends)
    wrong += _wrong_mode(new_mode, row.resource_type)
    if wrong:
        raise Invalid("The link cannot be changed so.", fields=wrong)
    values = {
        "mode": new_mode,
        "permissions": bounds.granted_by(MODES[new_mode] or given),
        "password": None if new_mode == ASK else row.password if isinstance(password, Keep) else password,
        "description": row.description if description is None else description,
        "expiration": ends,
    }
    tx.run(links.update().where(links.c.id == row.id).values(**values))
    if WRITE not in MODES[new_mode]:
        locks.release_all(tx, row.account, principal(row))
    return get(tx, row.id)


def remove(tx: Tx, link_id: str, *, account: str | None = None) -> None:
    """It leads nowhere any more, and who has asked by it is forgotten. What was granted stays shared. `NotFound`."""
    row = get(tx, link_id, account=account)
    for request in tx.all(sa.select(requests.c.id).where(requests.c.link == row.id)):
        news.settled(tx, row.account, request.id)
    tx.run(links.delete().where(links.c.id == row.id))
    locks.release_all(tx, row.account, principal(row))


def path_removed(tx: Tx, account: str, path: str, *, by_owner: bool = True) -> None:
    """A file or folder is gone: links to it and to anything below it end, with the requests made by them.

    Where it was not the owner who removed it, but somebody who may write there, the owner is told.
    """
    query = sa.select(links).where(links.c.account == account, at_or_below(links.c.path, path))
    for row in tx.all(query):
        remove(tx, row.id)
        if not by_owner and not is_over(row, tx.now):
            _tell(tx, row, news.LINK_LOST)


def opened_by(tx: Tx, token: str) -> Row:
    """The link that a token is of. Raises `NotFound`, in the same words for one that never was and one that ended."""
    row = tx.one(sa.select(links).where(links.c.token == token))
    # The index found it; the comparison that decides takes the same time for any token.
    if row is None or not hmac.compare_digest(row.token.encode(), token.encode()) or is_over(row, tx.now):
        raise nowhere()
    return row


def mounted_by(tx: Tx, token: str) -> Row | None:
    """The link that a token is of, where it opens something; None for any other, and for one that ended."""
    try:
        row = opened_by(tx, token)
    except NotFound:
        return None
    return None if row.mode == ASK else row


def nowhere() -> NotFound:
    """What a visitor is told of a link that has ended, or that never was."""
    return NotFound("This link leads nowhere, or not any more. Ask the person who gave it to you.")


def principal(row: Row) -> str:
    """Whose the WebDAV locks are that visitors take."""
    return f"{locks.VISITOR}{row.id}"


def fetched(tx: Tx, link_id: str) -> None:
    """A visitor has fetched a file or an archive."""
    tx.run(links.update().where(links.c.id == link_id).values(downloads=links.c.downloads + 1))


def reserve(tx: Tx, link_id: str, *, size: int, count: int, total: int, most: int) -> None:
    """A visitor is about to put a file of so many bytes there, or a folder, or a copy of so many of them.

    Raises `InsufficientStorage` where that were more than `total` bytes or `most` of them by this link, `NotFound`.
    """
    row = get(tx, link_id)
    if row.uploaded + size > total or row.uploads + count > most:
        raise InsufficientStorage("This is more than one can upload here.")
    _count(tx, link_id, size, count)


def give_back(tx: Tx, link_id: str, *, size: int, count: int) -> None:
    """It did not come there."""
    _count(tx, link_id, -size, -count)


def put(tx: Tx, link_id: str) -> None:
    """It is there; the owner is told."""
    row = tx.one(sa.select(links).where(links.c.id == link_id))
    if row is not None:  # else they have just ended it
        _tell(tx, row, news.LINK_PUT)


def is_over(row: Row, now: int) -> bool:
    """Whether its time is over."""
    return row.expiration is not None and row.expiration <= now


def _count(tx: Tx, link_id: str, size: int, count: int) -> None:
    values = {"uploads": links.c.uploads + count, "uploaded": links.c.uploaded + size}
    tx.run(links.update().where(links.c.id == link_id).values(**values))


def _tell(tx: Tx, row: Row, event: str) -> None:
    news.tell(tx, row.account, event, subject=row.id, name=row.path.rpartition("/")[2])


def _wrong_mode(mode: str, resource_type: str) -> list[FieldError]:
    if mode not in MODES or (mode == UPLOAD and resource_type != "folder"):
        return [FieldError("mode", "INVALID")]
    return []
