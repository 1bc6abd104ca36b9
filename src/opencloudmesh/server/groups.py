"""Groups of our people, to whom somebody elsewhere shares at once (share type `group`). The operator says who is in.

groups.add(tx, "physics", name="Physicists")
groups.join(tx, "physics", "einstein")
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.server import accounts, news, policy, received
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import groups, memberships
from opencloudmesh.server.schema import received as shares

MAX_MEMBERS = 1_000  # each share for a group is stored once for each of them


@dataclass(frozen=True, slots=True)
class Group:
    """A group. `members` are identifiers of accounts, sorted."""

    id: str
    name: str
    members: tuple[str, ...]


def add(tx: Tx, group_id: str, *, name: str = "") -> Group:
    """A new group, of nobody yet. Raises `Invalid`, or `Conflict` where a group or a person is called so."""
    accounts.claim(tx, group_id)
    tx.run(groups.insert().values(id=group_id, name=name or group_id, created=tx.now))
    return get(tx, group_id)


def get(tx: Tx, group_id: str) -> Group:
    """The group. Raises `NotFound`."""
    row = tx.one(sa.select(groups).where(groups.c.id == group_id))
    if row is None:
        raise NotFound("There is no group {group!r}.", group=group_id)
    return Group(row.id, row.name, tuple(account.id for account in accounts.in_group(tx, group_id)))


def listing(tx: Tx, *, after: str = "", limit: int | None = None) -> list[Group]:
    """`limit` groups by their identifiers, behind `after`; or all."""
    rows = tx.all(sa.select(groups).where(groups.c.id > after).order_by(groups.c.id).limit(limit))
    members: dict[str, list[str]] = {}
    within = memberships.c.group.in_([row.id for row in rows])
    for row in tx.all(sa.select(memberships).where(within).order_by(memberships.c.account)):
        members.setdefault(row.group, []).append(row.account)
    return [Group(row.id, row.name, tuple(members.get(row.id, ()))) for row in rows]


def join(tx: Tx, group_id: str, account_id: str) -> Group:
    """Somebody is in the group from now on, and is offered what is shared with it. Again is no error.

    Raises `NotFound`, `Conflict` where the group is full.
    """
    group, account = get(tx, group_id), accounts.get(tx, account_id)
    if account.id in group.members:
        return group
    if len(group.members) >= MAX_MEMBERS:
        raise Conflict("A group has at most {most} members.", most=MAX_MEMBERS)
    tx.run(memberships.insert().values(group=group.id, account=account.id, joined=tx.now))
    for row in _offered(tx, group_id):
        _offer_too(tx, row, account_id)
    return get(tx, group_id)


def leave(tx: Tx, group_id: str, account_id: str) -> Group:
    """Somebody is not in the group any more, and loses at once what is shared with it, unless it is with them too.

    The sender hears of it when they were the last who had not declined. Raises `NotFound`, also for who was not in it.
    """
    if account_id not in get(tx, group_id).members:
        raise NotFound("{user} is not in the group {group}.", user=account_id, group=group_id)
    of_theirs = (memberships.c.group == group_id, memberships.c.account == account_id)
    tx.run(memberships.delete().where(*of_theirs))
    for row in received.listing(tx, account_id):
        if row.group == group_id:
            received.remove(tx, row.id)
            if row.state in received.OPEN:
                received.inform(tx, row, news.UNGROUPED)
    return get(tx, group_id)


def remove(tx: Tx, group_id: str) -> None:
    """The group is gone, and for all of its members what is shared with it. Raises `NotFound`."""
    for account_id in get(tx, group_id).members:
        leave(tx, group_id, account_id)
    tx.run(groups.delete().where(groups.c.id == group_id))


def _offered(tx: Tx, group_id: str) -> list[received.Row]:
    """What is shared with a group and has not ended, each share by the first of its rows."""
    query = sa.select(shares).where(shares.c.group == group_id, shares.c.state.in_(received.OPEN))
    rows = tx.all(query.order_by(shares.c.created.desc(), shares.c.id.desc()))
    return list({(row.host, row.provider_id, row.fingerprint): row for row in rows}.values())


def _offer_too(tx: Tx, row: received.Row, account_id: str) -> None:
    """A share is put before one more member of the group, if the policy and they let in who sent it and whose it is."""
    told_of = [Address.parse(text) for text in (row.owner, row.shared_by) if text]
    try:
        trust = policy.admit_offer(
            tx, Address.parse(row.sender), told_of, account=account_id, verified=row.verified
        )  # fmt: skip
    except policy.Denied as denied:
        denied.record(tx)
        return
    left = [each.id for each in received.together(tx, row) if each.account == account_id]  # who was in it before
    tx.run(shares.delete().where(shares.c.id.in_(left)))
    received.offer_to(tx, {**row._mapping, "path": None, "entry": None, "access": None}, account_id, trust)
