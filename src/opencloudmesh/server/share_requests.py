"""People elsewhere who ask one of ours for a share: by a link, whose owner decides (IETF-OCM, "Public Invite Flow").

Anybody can type anybody's address at a link. So nothing is sent to an address, and its server is not even looked at,
before the owner has granted the request; and nobody learns from the answer who has asked before.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound, TooManyRequests
from opencloudmesh.server import audit, links, shares
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import requests

OPEN, GRANTED, REFUSED = "open", "granted", "refused"

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (OPEN, "granted"): GRANTED,
    (OPEN, "refused"): REFUSED,
    (REFUSED, "granted"): GRANTED,  # the owner thought again; whoever was refused cannot ask again
}

TYPED = "typed"  # how the one who asks is known: not at all, somebody typed the address
MAX_OPEN = 1_000  # requests of one link that wait for an answer
MAX_ADDRESS = 512  # characters; OpenCloud's, which are the longest, have less than 200

Row = sa.Row[Any]


def ask(tx: Tx, link: Row, address: Address, *, own_host: str) -> None:
    """A visitor asks for what is behind a link. Asked again for the same address, nothing changes.

    Raises `Invalid` for an address that is too long, `TooManyRequests` where too many wait for an answer already,
    whether or not this one is among them.
    """
    text = str(address)
    if len(text) > MAX_ADDRESS:
        raise Invalid("The address is too long.", fields=[FieldError("address", "TOO_LONG")])
    of_link = sa.select(sa.func.count().label("number")).where(requests.c.link == link.id, requests.c.state == OPEN)
    waiting = tx.one(of_link)
    if waiting is not None and waiting.number >= MAX_OPEN:
        raise TooManyRequests("Too many people have asked already. Try again when some have their answer.")
    if address == Address(link.account, own_host):
        return  # the owner has it; saying so would tell strangers how they are called
    row = {
        "id": tx.id(),
        "account": link.account,
        "link": link.id,
        "path": link.path,
        "address": text,
        "host": address.host,
        "verified": TYPED,
        "state": OPEN,
        "created": tx.now,
    }
    if tx.insert_new(requests, row):
        _record(tx, get(tx, row["id"]), "in")


def get(tx: Tx, request_id: str, *, account: str | None = None) -> Row:
    """A request, if it is for that person to answer. Raises `NotFound`."""
    query = sa.select(requests).where(requests.c.id == request_id)
    row = tx.one(query if account is None else query.where(requests.c.account == account))
    if row is None:
        raise NotFound("There is no such request.")
    return row


def listing(tx: Tx, account: str) -> list[Row]:
    """Who asked a person for something, newest first."""
    query = sa.select(requests).where(requests.c.account == account)
    return list(tx.all(query.order_by(requests.c.created.desc(), requests.c.id)))


def waiting(tx: Tx, account: str) -> int:
    """How many requests wait for the person's answer."""
    query = sa.select(sa.func.count().label("number")).where(requests.c.account == account, requests.c.state == OPEN)
    row = tx.one(query)
    return 0 if row is None else row.number


def grant(tx: Tx, request_id: str, *, account: str | None = None, resource_type: str) -> Row:
    """The owner shares it with the one who asked, as the link says. Again is no error, and shares nothing twice.

    Raises `NotFound`, and what `shares.offer` raises.
    """
    row = get(tx, request_id, account=account)
    if row.state == GRANTED:
        return row
    link = links.get(tx, row.link)
    share = shares.offer(
        tx,
        owner=row.account,
        path=row.path,
        resource_type=resource_type,
        share_with=Address.parse(row.address),
        permissions=frozenset(link.permissions),
        description=link.description,
    )
    return _change(tx, row, "granted", share=share.id)


def refuse(tx: Tx, request_id: str, *, account: str | None = None) -> Row:
    """The owner does not want to; nobody is told. Again is no error. Raises `NotFound`, `Conflict`."""
    row = get(tx, request_id, account=account)
    return row if row.state == REFUSED else _change(tx, row, "refused")


def refuse_host(tx: Tx, host: str) -> int:
    """Everybody refuses what people of a server ask; how many requests those were."""
    rows = tx.all(sa.select(requests.c.id).where(requests.c.host == host, requests.c.state == OPEN))
    for row in rows:
        refuse(tx, row.id)
    return len(rows)


def _change(tx: Tx, row: Row, event: str, **values: Any) -> Row:
    state = TRANSITIONS.get((row.state, event))
    if state is None:
        raise Conflict(f"A request that is {row.state} cannot be {event}.")
    tx.run(requests.update().where(requests.c.id == row.id).values(state=state, **values))
    changed = get(tx, row.id)
    _record(tx, changed, "here", event)
    return changed


def _record(tx: Tx, row: Row, direction: audit.Direction, reason: str = "") -> None:
    audit.record(
        tx,
        "request",
        direction,
        host=row.host,
        account=row.account,
        who=row.address,
        verified=row.verified,
        subject=row.id,
        reason=reason,
    )
