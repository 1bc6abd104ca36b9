"""People elsewhere whom our users know: from invites and shares, or added by hand.

An address is kept as the contact's server spells it (OpenCloud: base64 of an id and a host), because only so that
server knows its own people again. This module knows nothing of shares and the policy, which ask it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.cards import Card
from opencloudmesh.protocol.errors import Invalid, NotFound
from opencloudmesh.protocol.notifications import USER_REMOVED
from opencloudmesh.server import audit, news, outbox
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import contacts

INVITE, SHARE, DIRECT = "invite", "share", "direct entry"  # IETF-OCM, "Address book export"
USER = "user"  # the resourceType of USER_REMOVED (OCM-API, spec.yaml)

Row = sa.Row[Any]

_AT_HOST = sa.select(contacts).where(contacts.c.account == sa.bindparam("whose"), contacts.c.host == sa.bindparam("at"))


class Standing(NamedTuple):
    """Whether an invite was exchanged with somebody, and whether nothing is taken from them."""

    invited: bool
    blocked: bool


def meet(tx: Tx, account: str, address: Address, *, name: str = "", email: str = "", source: str = DIRECT) -> Row:
    """A contact, new or known; an invite is worth more than any other source."""
    text = str(address)
    known = find(tx, account, text)
    if known is None:
        row = {"id": tx.id(), "account": account, "address": text, "host": address.host, "name": name, "email": email}
        tx.run(contacts.insert().values(**row, source=source, created=tx.now))
    else:
        values = {"name": name or known.name, "email": email or known.email}
        values["source"] = source if source == INVITE else known.source
        tx.run(contacts.update().where(contacts.c.id == known.id).values(**values))
    found = find(tx, account, text)
    assert found is not None
    return found


def shared(tx: Tx, account: str, address: str, *, name: str = "") -> None:
    """A share between the two was accepted: they are contacts. Of one who is known already nothing changes."""
    if not _spelled_somehow(tx, account, address):
        meet(tx, account, Address.parse(address), name=name, source=SHARE)


def find(tx: Tx, account: str, address: str) -> Row | None:
    """The contact with that address, or None."""
    return tx.one(sa.select(contacts).where(contacts.c.account == account, contacts.c.address == address))


def exists(account: sa.Column[str], address: sa.Column[str]) -> sa.Exists:
    """For a query of something else: whether the one person has the other as a contact that is not blocked."""
    return sa.exists().where(contacts.c.account == account, contacts.c.address == address, ~contacts.c.blocked)


def get(tx: Tx, account: str, contact_id: str) -> Row:
    """A contact of that person. Raises `NotFound`."""
    row = tx.one(sa.select(contacts).where(contacts.c.account == account, contacts.c.id == contact_id))
    if row is None:
        raise NotFound("There is no such contact.")
    return row


def standing(tx: Tx, account: str, address: str) -> Standing:
    """What somebody at that address is to the person, however their server spells them here."""
    rows = _spelled_somehow(tx, account, address)
    return Standing(any(row.source == INVITE for row in rows), any(row.blocked for row in rows))


def who(tx: Tx, account: str, address: str) -> Row | None:
    """The contact who is at that address, however their server spells them here, or None."""
    return next(iter(_spelled_somehow(tx, account, address)), None)


def invited(tx: Tx, account: str, address: str) -> bool:
    """Whether an invite has been exchanged with that person."""
    return standing(tx, account, address).invited


def listing(tx: Tx, account: str) -> list[Row]:
    """A person's contacts by name."""
    query = sa.select(contacts).where(contacts.c.account == account)
    return list(tx.all(query.order_by(contacts.c.name, contacts.c.address)))


def search(tx: Tx, account: str, text: str) -> list[Row]:
    """The contacts in whose name, address or e-mail address the text is, by name; for "" all of them.

    Compared here, not by the database: SQLite knows capitals of ASCII only, and in no text is a character special.
    """
    wanted = text.strip().casefold()
    return [
        row
        for row in listing(tx, account)
        if any(wanted in value.casefold() for value in (row.name, row.address, row.email))
    ]


def cards(tx: Tx, account: str) -> list[Card]:
    """The whole address book, for other programs."""
    return [Card(Address.parse(row.address), row.name, email_of(row), row.source) for row in listing(tx, account)]


def email_of(row: Row) -> str:
    """A contact's e-mail address; "" for one that stands for none."""
    return "" if row.email.endswith("@invalid") else str(row.email)


def take(tx: Tx, account: str, found: Sequence[Card], *, own_address: Address) -> int:
    """Contacts from another program's address book; how many of them are new.

    Whatever the file says, nobody becomes somebody with whom an invite was exchanged. Who is known keeps what the
    file does not say, and the person themselves is left out.
    """
    before = {row.address for row in listing(tx, account)}
    others = [card for card in found if card.address != own_address]
    for card in others:
        meet(tx, account, card.address, name=card.name, email=card.email)
    return len({str(card.address) for card in others} - before)


def block(tx: Tx, account: str, contact_id: str, *, blocked: bool = True) -> Row:
    """From now on nothing is taken from them, or again. They are not told. Raises `NotFound`."""
    row = get(tx, account, contact_id)
    tx.run(contacts.update().where(contacts.c.id == row.id).values(blocked=blocked))
    return get(tx, account, contact_id)


def block_address(tx: Tx, account: str, address: str, *, name: str = "") -> None:
    """As `block`, for whoever has sent something; they become a contact by it if they were none."""
    row = who(tx, account, address) or meet(tx, account, Address.parse(address), name=name, source=SHARE)
    block(tx, account, row.id)


def remove(tx: Tx, account: str, contact_id: str) -> None:
    """Forgets a contact. The server of one who was invited is told, for theirs counts on us too. Raises `NotFound`."""
    row = get(tx, account, contact_id)
    tx.run(contacts.delete().where(contacts.c.id == row.id))
    if row.source == INVITE:
        grantee = Address.parse(row.address).identifier
        message = outbox.notification(USER_REMOVED, USER, account, "", {"grantee": grantee})
        outbox.put(tx, host=row.host, kind=outbox.NOTIFICATION, subject=row.id, message=message)


def remove_everybody(tx: Tx, account: str) -> None:
    """The person is about to go: their contacts are forgotten, and each server that knows them is told once."""
    rows = tx.all(sa.select(contacts).where(contacts.c.account == account).order_by(contacts.c.id))
    tx.run(contacts.delete().where(contacts.c.account == account))
    for host, subject in {row.host: row.id for row in rows if row.source == INVITE}.items():
        message = outbox.notification(USER_REMOVED, USER, account, "")
        outbox.put(tx, host=host, kind=outbox.NOTIFICATION, subject=subject, message=message)


def forget_host(tx: Tx, host: str) -> int:
    """Everybody's contacts at a server are forgotten, and it is not told; how many they were."""
    return tx.run(contacts.delete().where(contacts.c.host == host)).rowcount


def removed(tx: Tx, host: str, user_id: str, *, grantee: str = "", verified: str) -> None:
    """`host` says that its user has removed us, `grantee` alone or everybody. Said twice it changes nothing.

    `user_id` is the one that was given with the invite. The contact stays, for it is our person's address book and
    not the other server's, but as one that was entered by hand: that an invite was exchanged counts for nothing any
    more, on either side. Raises `NotFound` where nobody here knows them.
    """
    address = f"{user_id}@{host}"
    query = sa.select(contacts).where(contacts.c.address == address).order_by(contacts.c.id)
    rows = tx.all(query.where(contacts.c.account == grantee) if grantee else query)
    if not rows:
        raise NotFound("There is no such contact.")
    for row in rows:
        if row.source == INVITE:
            tx.run(contacts.update().where(contacts.c.id == row.id).values(source=DIRECT))
            news.tell(tx, row.account, news.CONTACT_ENDED, subject=row.id, who=address, who_name=row.name)
            audit.record(
                tx, "contact", "in", host=host, account=row.account, who=address, verified=verified, subject=row.id,
                reason=USER_REMOVED,
            )  # fmt: skip


def _spelled_somehow(tx: Tx, account: str, address: str) -> list[Row]:
    """The contacts who are that person: a share's sender may be spelled otherwise than in the invite."""
    try:
        wanted = Address.parse(address)
    except Invalid:  # it is none of a person
        return []
    at_host = tx.all(_AT_HOST, {"whose": account, "at": wanted.host})
    return [row for row in at_host if Address.parse(row.address).person == wanted.person]
