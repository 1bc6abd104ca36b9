"""Groups of our people, to whom somebody elsewhere shares at once (share type `group`). The operator says who is in.

groups.add(tx, "physics", name="Physicists")
groups.join(tx, "physics", "einstein")
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.server import accounts
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import groups, memberships

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
        raise NotFound(f"There is no group {group_id!r}.")
    return Group(row.id, row.name, tuple(account.id for account in accounts.in_group(tx, group_id)))


def listing(tx: Tx) -> list[Group]:
    """All groups by name."""
    members: dict[str, list[str]] = {}
    for row in tx.all(sa.select(memberships).order_by(memberships.c.account)):
        members.setdefault(row.group, []).append(row.account)
    rows = tx.all(sa.select(groups).order_by(groups.c.id))
    return [Group(row.id, row.name, tuple(members.get(row.id, ()))) for row in rows]


def join(tx: Tx, group_id: str, account_id: str) -> Group:
    """Somebody is in the group from now on. Again is no error. Raises `NotFound`, `Conflict` where it is full."""
    group, account = get(tx, group_id), accounts.get(tx, account_id)
    if account.id in group.members:
        return group
    if len(group.members) >= MAX_MEMBERS:
        raise Conflict(f"A group has at most {MAX_MEMBERS} members.")
    tx.run(memberships.insert().values(group=group.id, account=account.id, joined=tx.now))
    return get(tx, group_id)


def leave(tx: Tx, group_id: str, account_id: str) -> Group:
    """Somebody is not in the group any more. Raises `NotFound`, also for one who was not."""
    if account_id not in get(tx, group_id).members:
        raise NotFound(f"{account_id} is not in the group {group_id}.")
    of_theirs = (memberships.c.group == group_id, memberships.c.account == account_id)
    tx.run(memberships.delete().where(*of_theirs))
    return get(tx, group_id)


def remove(tx: Tx, group_id: str) -> None:
    """The group is gone; its members stay. Raises `NotFound`."""
    for account_id in get(tx, group_id).members:
        leave(tx, group_id, account_id)
    tx.run(groups.delete().where(groups.c.id == group_id))
