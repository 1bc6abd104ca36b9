"""People elsewhere whom our users know: from invites, or added by hand.

An address is kept as the contact's server spells it (OpenCloud: base64 of an id and a host), because only so that
server knows its own people again.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import contacts

INVITE, SHARE, DIRECT = "invite", "share", "direct entry"  # IETF-OCM, "Address book export"

Row = sa.Row[Any]


def meet(tx: Tx, account: str, address: Address, *, name: str = "", email: str = "", source: str = DIRECT) -> Row:
    """A contact, new or known; an invite is worth more than any other source."""
    text = str(address)
    known = tx.one(sa.select(contacts).where(contacts.c.account == account, contacts.c.address == text))
    if known is None:
        row = {"id": tx.id(), "account": account, "address": text, "host": address.host, "name": name, "email": email}
        tx.run(contacts.insert().values(**row, source=source, created=tx.now))
    else:
        values = {"name": name or known.name, "email": email or known.email}
        values["source"] = source if source == INVITE else known.source
        tx.run(contacts.update().where(contacts.c.id == known.id).values(**values))
    found = tx.one(sa.select(contacts).where(contacts.c.account == account, contacts.c.address == text))
    assert found is not None
    return found


def invited(tx: Tx, account: str, address: str) -> bool:
    """Whether an invite has been exchanged with that person."""
    query = sa.select(contacts.c.id).where(contacts.c.account == account, contacts.c.address == address)
    return tx.one(query.where(contacts.c.source == INVITE)) is not None


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's contacts by name."""
    query = sa.select(contacts).where(contacts.c.account == account)
    return list(tx.all(query.order_by(contacts.c.name, contacts.c.address)))


def remove(tx: Tx, account: str, contact_id: str) -> None:
    """Forgets a contact. Raises `NotFound`."""
    gone = tx.run(contacts.delete().where(contacts.c.account == account, contacts.c.id == contact_id))
    if gone.rowcount == 0:
        raise NotFound("There is no such contact.")
