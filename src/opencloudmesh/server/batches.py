"""Batches: what somebody shared with all people of a circle at once, as one share for each of them.

A batch says on which terms and what was refused; how far it has come is seen by its shares, each of which lives by
itself. Who comes into the circle later gets nothing unasked: `catch_up`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import bounds, circles, shares
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.database import Tx
from opencloudmesh.server.policy import Denied
from opencloudmesh.server.schema import batches
from opencloudmesh.server.schema import shares as of_shares

INCOMPLETE = "The share is not complete."
ALL_REFUSED = "Nobody could be given a share."
NOBODY = "There is nobody in this circle yet."
FAILING = "failing"  # beside the states of shares: on its way, and could not be delivered yet

Row = sa.Row[Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch with the shares that its owner has not ended, and the contacts who are in the circle but not in it."""

    row: Row
    shares: tuple[shares.Row, ...]
    new: tuple[Row, ...]

    @property
    def path(self) -> str:
        """Where that is which is shared; shares go where their file goes."""
        return str(self.shares[0].path)

    @property
    def progress(self) -> Mapping[str, int]:
        """How many of its shares are in which state, or `FAILING`."""
        return Counter(FAILING if row.state == shares.PENDING and row.error else row.state for row in self.shares)


def offer(
    tx: Tx,
    *,
    owner: str,
    circle_id: str,
    own_address: Address,
    path: str,
    resource_type: str,
    terms: Terms,
) -> Batch:
    """A person shares something with everybody in a circle. Who cannot be given any is named, and stops nobody else.

    Raises `NotFound`, `Invalid` naming the wrong fields, `Conflict` with everybody's reason where nobody could.
    """
    circle = circles.get(tx, owner, circle_id)
    wrong = bounds.wrong_terms(tx, terms.permissions, terms.expiration)
    if not circle.members:
        wrong.append(FieldError("circle", "EMPTY"))
    if wrong:
        raise Invalid(INCOMPLETE if circle.members else NOBODY, fields=wrong)
    kept = asdict(terms) | {"permissions": bounds.granted_by(terms.permissions)}
    batch_id = tx.id()
    named = {"id": batch_id, "owner": owner, "circle": circle.id, "name": circle.name}
    tx.run(batches.insert().values(**named, terms=kept, refused=[], created=tx.now))
    _share(tx, batch_id, circle.members, own_address, path, resource_type)
    return get(tx, owner, batch_id)


def catch_up(tx: Tx, owner: str, batch_id: str, *, own_address: Address) -> Batch:
    """Shares on the same terms with those who have come into the circle since. Raises `NotFound`, `Conflict`."""
    batch = get(tx, owner, batch_id)
    if not batch.new:
        raise Conflict("Nobody has come into this circle since.")
    _share(tx, batch_id, batch.new, own_address, batch.path, batch.shares[0].resource_type)
    return get(tx, owner, batch_id)


def change(
    tx: Tx,
    owner: str,
    batch_id: str,
    *,
    permissions: frozenset[str] | None = None,
    expiration: int | shares.Keep | None = shares.Keep.KEEP,
) -> Batch:
    """All of its shares that have not ended give more or less, or end otherwise; and so will those of who comes later.

    What is not said stays in each share as it is there. Raises `NotFound`, `Invalid` naming the wrong fields.
    """
    batch = get(tx, owner, batch_id)
    terms = dict(batch.row.terms)
    ends = None if isinstance(expiration, shares.Keep) else expiration
    wrong = bounds.wrong_terms(tx, frozenset(terms["permissions"]) if permissions is None else permissions, ends)
    if wrong:
        raise Invalid("The shares cannot be changed so.", fields=wrong)
    terms |= {} if permissions is None else {"permissions": bounds.granted_by(permissions)}
    terms |= {} if isinstance(expiration, shares.Keep) else {"expiration": expiration}
    tx.run(batches.update().where(batches.c.id == batch_id).values(terms=terms))
    for row in batch.shares:
        if (row.state, "changed") in shares.TRANSITIONS:
            shares.change(tx, row.id, permissions=permissions, expiration=expiration)
    return get(tx, owner, batch_id)


def get(tx: Tx, owner: str, batch_id: str) -> Batch:
    """A batch of that person. Raises `NotFound`, also for one whose shares they have all ended."""
    row = tx.one(sa.select(batches).where(batches.c.owner == owner, batches.c.id == batch_id))
    found = [] if row is None else _with_shares(tx, owner, [row], of_shares.c.batch == batch_id)
    if not found:
        raise NotFound("There is no such batch of shares.")
    return found[0]


def listing(tx: Tx, owner: str, *, path: str | None = None) -> list[Batch]:
    """What a person shared with circles, newest first; `path`: of one file or folder."""
    rows = tx.all(sa.select(batches).where(batches.c.owner == owner).order_by(batches.c.created.desc(), batches.c.id))
    of_them = of_shares.c.batch.is_not(None)
    return _with_shares(tx, owner, rows, of_them if path is None else sa.and_(of_them, of_shares.c.path == path))


def _with_shares(tx: Tx, owner: str, rows: Sequence[Row], which: sa.ColumnElement[bool]) -> list[Batch]:
    """Batches of a person with those shares; without the batches that have none of them."""
    inside: dict[str, list[Row]] = {}
    for share in shares.listing(tx, owner, which=which) if rows else ():
        inside.setdefault(share.batch, []).append(share)
    groups = {circle.id: circle.members for circle in circles.listing(tx, owner)} if inside else {}
    found = ((row, tuple(inside[row.id])) for row in rows if row.id in inside)
    return [Batch(row, each, _new(tx, row, groups.get(row.circle, ()), each[0].path)) for row, each in found]


def stop(tx: Tx, owner: str, batch_id: str) -> None:
    """All of its shares end. Raises `NotFound`."""
    for row in get(tx, owner, batch_id).shares:
        shares.unshare(tx, row.id)


def _share(tx: Tx, batch_id: str, people: Sequence[Row], own_address: Address, path: str, resource_type: str) -> None:
    """A share for each; who is refused one is kept with the reason. Raises `Conflict` where that is everybody."""
    batch = tx.one(sa.select(batches).where(batches.c.id == batch_id))
    assert batch is not None
    refused = []
    for person in people:
        try:
            _share_with(tx, batch, Address.parse(person.address), own_address, path, resource_type)
        except (Conflict, Forbidden, Invalid) as error:
            if isinstance(error, Denied):
                error.record(tx)
            refused.append({"shareWith": person.address, "message": error.message})
    if len(refused) == len(people):
        raise Conflict(Sentence.joined([ALL_REFUSED, *(_reason(who) for who in refused)]))
    tx.run(batches.update().where(batches.c.id == batch_id).values(refused=[*batch.refused, *refused]))


def _share_with(tx: Tx, batch: Row, address: Address, own_address: Address, path: str, resource_type: str) -> None:
    if address == own_address:
        raise Invalid("This is your own address.")
    terms = Terms(**batch.terms | {"permissions": frozenset(batch.terms["permissions"])})
    where = {"owner": batch.owner, "path": path, "resource_type": resource_type}
    shares.offer(tx, **where, share_with=address, terms=terms, batch=batch.id)


def _reason(who: Mapping[str, str]) -> Sentence:
    return Sentence("{who}: {reason}", who=who["shareWith"], reason=who["message"])


def _new(tx: Tx, batch: Row, members: tuple[Row, ...], path: str) -> tuple[Row, ...]:
    """The members who have never had a share of this batch, were not refused one, and have none of the path."""
    query = sa.select(of_shares.c.share_with)
    ours = tx.all(query.where(of_shares.c.batch == batch.id))
    others = tx.all(query.where(of_shares.c.owner == batch.owner, of_shares.c.path == path, _LIVE))
    known = {row.share_with for row in (*ours, *others)} | {who["shareWith"] for who in batch.refused}
    return tuple(member for member in members if member.address not in known and not member.blocked)


_LIVE = of_shares.c.state.in_(shares.LIVE)
