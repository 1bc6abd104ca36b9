"""Circles: several contacts under one name, with whom somebody shares at once. See `batches` for what comes of it.

A circle is its owner's alone: nobody in it, and no other server, hears of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.cards import MAX_CIRCLES as MAX_OF_CARD
from opencloudmesh.protocol.cards import Card
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound
from opencloudmesh.server import contacts
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import circle_members, circles
from opencloudmesh.server.schema import contacts as people

MAX_NAME = 255  # characters
MAX_MEMBERS = 200  # each is a share of its own, all made in one transaction
MAX_CIRCLES = 200  # of one person

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle. `members` are rows of `contacts`, by name."""

    id: str
    name: str
    members: tuple[Row, ...]


def create(tx: Tx, account: str, name: str) -> Circle:
    """A new circle, with nobody in it. Raises `Invalid`, `Conflict` where one is called so."""
    known = listing(tx, account)
    if len(known) >= MAX_CIRCLES:
        raise Conflict("You can have at most {most} circles.", most=MAX_CIRCLES)
    circle_id = tx.id()
    values = {"id": circle_id, "account": account, "name": _free_name(name, known), "created": tx.now}
    tx.run(circles.insert().values(**values))
    return get(tx, account, circle_id)


def get(tx: Tx, account: str, circle_id: str) -> Circle:
    """A circle of that person. Raises `NotFound`."""
    return _found(circle for circle in listing(tx, account) if circle.id == circle_id)


def called(tx: Tx, account: str, name: str) -> Circle:
    """The circle of that name, whatever its capitals, or of that id. Raises `NotFound`."""
    wanted = name.strip().casefold()
    return _found(circle for circle in listing(tx, account) if wanted in (circle.name.casefold(), circle.id))


def listing(tx: Tx, account: str) -> list[Circle]:
    """A person's circles by name."""
    inside: dict[str, list[Row]] = {}
    query = sa.select(people, circle_members.c.circle).join(circle_members, circle_members.c.contact == people.c.id)
    for row in tx.all(query.where(people.c.account == account).order_by(people.c.name, people.c.address)):
        inside.setdefault(row.circle, []).append(row)
    rows = tx.all(sa.select(circles).where(circles.c.account == account))
    found = [Circle(row.id, row.name, tuple(inside.get(row.id, ()))) for row in rows]
    return sorted(found, key=lambda circle: circle.name.casefold())  # databases differ about capitals


def rename(tx: Tx, account: str, circle_id: str, name: str) -> Circle:
    """It is called otherwise. Raises `NotFound`, `Invalid`, `Conflict`."""
    get(tx, account, circle_id)
    free = _free_name(name, [circle for circle in listing(tx, account) if circle.id != circle_id])
    tx.run(circles.update().where(circles.c.id == circle_id).values(name=free))
    return get(tx, account, circle_id)


def add(tx: Tx, account: str, circle_id: str, contact_id: str) -> Circle:
    """A contact is in it from now on; nothing is shared with them by that. Again is no error.

    Raises `NotFound`, `Conflict` where it is full.
    """
    circle, contact = get(tx, account, circle_id), contacts.get(tx, account, contact_id)
    if contact.id not in {member.id for member in circle.members} and len(circle.members) >= MAX_MEMBERS:
        raise Conflict("A circle has at most {most} people.", most=MAX_MEMBERS)
    tx.insert_new(circle_members, {"circle": circle.id, "contact": contact.id})
    return get(tx, account, circle_id)


def drop(tx: Tx, account: str, circle_id: str, contact_id: str) -> Circle:
    """A contact is not in it any more; what was shared with them stays shared. Raises `NotFound`."""
    if contact_id not in {member.id for member in get(tx, account, circle_id).members}:
        raise NotFound("This contact is not in the circle.")
    of_theirs = (circle_members.c.circle == circle_id, circle_members.c.contact == contact_id)
    tx.run(circle_members.delete().where(*of_theirs))
    return get(tx, account, circle_id)


def remove(tx: Tx, account: str, circle_id: str) -> None:
    """The circle is gone; contacts and shares stay. Raises `NotFound`."""
    get(tx, account, circle_id)
    tx.run(circles.delete().where(circles.c.id == circle_id))


def cards(tx: Tx, account: str) -> list[Card]:
    """The whole address book with the circles that everybody is in, for other programs."""
    names: dict[str, list[str]] = {}
    for circle in listing(tx, account):
        for member in circle.members:
            names.setdefault(member.address, []).append(circle.name)
    book = contacts.cards(tx, account)
    return [replace(card, circles=tuple(names.get(str(card.address), ())[:MAX_OF_CARD])) for card in book]


def take(tx: Tx, account: str, found: Sequence[Card], *, own_address: Address) -> int:
    """Contacts from another program's address book; how many of them are new (`contacts.take`).

    They are in their circles here too, as far as those can be called so and there is room. Nothing is shared by that.
    """
    new = contacts.take(tx, account, found, own_address=own_address)
    known = {circle.name.casefold(): circle for circle in listing(tx, account)}
    inside = {circle.id: {member.id for member in circle.members} for circle in known.values()}
    for card in found:
        contact = contacts.find(tx, account, str(card.address)) if card.circles else None
        if contact is None:  # they are in none, or are the person themselves
            continue
        for name in card.circles:
            with suppress(Invalid, Conflict):
                circle = known.get(name.casefold()) or create(tx, account, name)
                known[name.casefold()] = circle
                members = inside.setdefault(circle.id, set())
                if len(members) < MAX_MEMBERS and contact.id not in members:
                    tx.run(circle_members.insert().values(circle=circle.id, contact=contact.id))
                    members.add(contact.id)
    return new


def _found(matching: Any) -> Circle:
    circle = next(matching, None)
    if circle is None:
        raise NotFound("There is no such circle. The address of a person is like name@cloud.example.")
    assert isinstance(circle, Circle)
    return circle


def _free_name(name: str, known: list[Circle]) -> str:
    """What a circle may be called: no address, for it is written where one can write an address."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable() or "@" in name:
        raise Invalid("A circle has a name without @, in one line.", fields=[FieldError("name", "INVALID")])
    if name.casefold() in {circle.name.casefold() for circle in known}:
        raise Conflict("There is a circle {name!r} already.", name=name)
    return name
