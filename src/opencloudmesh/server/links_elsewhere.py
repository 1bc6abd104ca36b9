"""Public links of other clouds that our people keep among what they received: ownCloud's own way of taking one along.

The person was given a link and opens it by its token and password, over WebDAV, as long as it leads anywhere. Nobody at
the other side has shared anything with them or knows that they have it, so no grounds of the policy count but those of
the server, and whose it is remains what the link says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Invalid, TooManyRequests
from opencloudmesh.protocol.public_links import PublicLink
from opencloudmesh.server import audit, policy, received
from opencloudmesh.server.bounds import LINK
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import received as table

MAX_KEPT = 100  # of one person

Row = sa.Row[Any]


def admit(tx: Tx, account: str, host: str) -> str:
    """The grounds on which the person may keep what a link of that server shows. Raises `Denied`."""
    return policy.admit(tx, "share", "in", host, account=account, address="")


def keep(
    tx: Tx,
    account: str,
    link: PublicLink,
    *,
    password: str,
    seen: Mapping[str, Any],
    exists: Callable[[str, str], bool] = lambda _a, _p: False,
) -> Row:
    """What a link shows is among the person's files. Kept again, it is the same, opened by the password given last.

    `seen` are the columns that tell of its root and of the way in. Raises `Denied`, `TooManyRequests`.
    """
    trust = admit(tx, account, link.host)
    theirs = sa.and_(table.c.account == account, table.c.verified == LINK)
    values = {**seen, "password": password, "changed": tx.now}
    for row in tx.all(sa.select(table).where(theirs, table.c.host == link.host, table.c.secret == link.token)):
        if row.state == received.ACCEPTED:
            tx.run(table.update().where(table.c.id == row.id).values(**values))
            return received.get(tx, row.id)
        received.remove(tx, row.id)  # it had ended
    kept = tx.all(sa.select(table.c.id).where(theirs, table.c.state == received.ACCEPTED).limit(MAX_KEPT))
    if len(kept) == MAX_KEPT:
        raise TooManyRequests("You keep what so many links show. Leave some of it first.")
    received_id, name = tx.id(), link.name or link.host
    said = {"id": received_id, "account": account, "trust": trust, "created": tx.now, "state": received.ACCEPTED}
    path = received.free_path(tx, account, name, exists)
    tx.run(table.insert(), {**_of(link), **values, **said, "name": name, "path": path})
    audit.record(
        tx, "share", "in", host=link.host, account=account, verified=LINK, subject=received_id,
        reason=f"{trust}: taken from a public link",
    )  # fmt: skip
    return received.get(tx, received_id)


def _of(link: PublicLink) -> dict[str, Any]:
    """What is kept of a link. There is no message that could name it, and no sender but a server."""
    try:
        owner = str(Address.parse(f"{link.owner}@{link.host}")) if link.owner else ""
    except Invalid:
        owner = ""
    return {
        "host": link.host,
        "provider_id": "",
        "fingerprint": "",
        "sender": link.host,
        "owner": owner,
        "owner_name": link.owner_name,
        "requirements": [],
        "protocols": ["webdav"],
        "secret": link.token,
        "verified": LINK,
    }
