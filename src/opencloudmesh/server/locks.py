"""WebDAV write locks (RFC 4918, 6 and 7) on paths of an account's tree.

A lock belongs to a principal, and only that one can use its token. A lock protects its path, with Depth
infinity also everything below, and the names in a locked folder. Locks end when their time is over; until they
are purged, nobody sees them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, Forbidden, InsufficientStorage, Locked, PreconditionFailed, TooLarge
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import locks
from opencloudmesh.server.subtrees import at_or_below
from opencloudmesh.server.trees import inside, parent

USUAL_SECONDS = 3600
MAX_SECONDS = 24 * 3600
VISITOR, VISITOR_SECONDS = "link:", 600  # whoever has a link has to come back more often to keep others from writing
MAX_OWNER = 8 * 1024  # characters of what a client says of itself
MAX_COUNT = 1000  # locks of one principal in one account


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is in force. `until` in unix seconds; `owner_xml` the content of the owner element."""

    token: str
    account: str
    path: str
    infinite: bool
    exclusive: bool
    owner_xml: str
    principal: str
    until: int

    def covers(self, path: str) -> bool:
        """Whether `path` is locked by it."""
        return self.path == path or (self.infinite and inside(path, self.path))


class InTheWay(Locked):
    """Locks forbid it; `path` is where the first of them lies in the account's tree."""

    def __init__(self, lock: Lock) -> None:
        super().__init__(Sentence("Somebody has locked this."))
        self.path = lock.path


class Contradiction(InTheWay):
    """The lock that was asked for contradicts one that is in force."""


def around(tx: Tx, account: str, path: str, *, below: bool = True) -> Sequence[Lock]:
    """The locks at a path and at all folders above it, and `below` it; also those that do not reach so far."""
    above = [path]
    while above[-1]:
        above.append(parent(above[-1]))
    lies = [locks.c.path.in_(above), *([at_or_below(locks.c.path, path)] if below else [])]
    query = sa.select(locks).where(locks.c.account == account, sa.or_(*lies), locks.c.until > tx.now)
    return [Lock(**row._mapping) for row in tx.all(query.order_by(locks.c.path, locks.c.token))]


def acquire(
    tx: Tx,
    account: str,
    path: str,
    *,
    principal: str,
    exclusive: bool = True,
    infinite: bool = True,
    owner_xml: str = "",
    seconds: int = USUAL_SECONDS,
) -> Lock:
    """A new lock. `Contradiction`, `TooLarge`, `InsufficientStorage` where the principal has too many."""
    if len(owner_xml) > MAX_OWNER:
        raise TooLarge("The owner of the lock is described at too great length.")
    for other in around(tx, account, path, below=infinite):
        if (exclusive or other.exclusive) and (other.covers(path) or inside(other.path, path)):
            raise Contradiction(other)
    purge(tx)
    mine = sa.and_(locks.c.account == account, locks.c.principal == principal)
    count = tx.one(sa.select(sa.func.count()).select_from(locks).where(mine))
    if count is not None and count[0] >= MAX_COUNT:
        raise InsufficientStorage("You hold too many locks.")
    until = tx.now + _lasts(principal, seconds)
    token = f"opaquelocktoken:{tx.secret()}"
    row = (token, account, path, infinite, exclusive, owner_xml, principal, until)
    tx.run(sa.insert(locks).values(row))
    return Lock(*row)


def refresh(
    tx: Tx, account: str, path: str, tokens: Collection[str], *, principal: str, seconds: int = USUAL_SECONDS
) -> Lock:
    """Gives a lock on the path new time. `PreconditionFailed` where none of the tokens is one of the principal's."""
    for lock in around(tx, account, path, below=False):
        if lock.covers(path) and lock.token in tokens and lock.principal == principal:
            until = tx.now + _lasts(principal, seconds)
            tx.run(sa.update(locks).where(locks.c.token == lock.token).values(until=until))
            return replace(lock, until=until)
    raise PreconditionFailed("You hold no such lock here.")


def release(tx: Tx, account: str, path: str, token: str, *, principal: str) -> None:
    """Ends a lock. `Conflict` where the path has none with this token, `Forbidden` for another's."""
    held = next((lock for lock in around(tx, account, path, below=False) if lock.token == token), None)
    if held is None or not held.covers(path):
        raise Conflict("There is no such lock here.")
    if held.principal != principal:
        raise Forbidden("It is the lock of another.")
    tx.run(sa.delete(locks).where(locks.c.token == token))


def release_all(tx: Tx, account: str, principal: str) -> None:
    """A principal may not write in that account's tree any more: its locks are in nobody's way."""
    tx.run(sa.delete(locks).where(locks.c.account == account, locks.c.principal == principal))


def check(
    tx: Tx,
    account: str,
    path: str,
    tokens: Collection[str],
    *,
    principal: str,
    member: bool = False,
    deep: bool = False,
) -> None:
    """Raises `InTheWay` unless a token of each lock that protects the path was presented by its principal.

    `member`: the name appears in or vanishes from its folder, so a lock on that folder counts (RFC 4918, 7.4).
    `deep`: everything below changes too. Of several shared locks on one path, one's token is enough.
    """
    guards: defaultdict[str, list[Lock]] = defaultdict(list)
    for lock in around(tx, account, path, below=deep):
        if lock.covers(path) or (member and lock.path == parent(path)) or inside(lock.path, path):
            guards[lock.path].append(lock)
    for together in guards.values():
        if not any(lock.token in tokens and lock.principal == principal for lock in together):
            raise InTheWay(together[0])


def forget(tx: Tx, account: str, path: str) -> None:
    """What was at a path, or below it, is gone, and its locks with it (RFC 4918, 9.6.1 and 9.9)."""
    tx.run(sa.delete(locks).where(locks.c.account == account, at_or_below(locks.c.path, path)))


def purge(tx: Tx) -> None:
    """Removes locks whose time is over."""
    tx.run(sa.delete(locks).where(locks.c.until <= tx.now))


def _lasts(principal: str, seconds: int) -> int:
    return min(seconds, VISITOR_SECONDS if principal.startswith(VISITOR) else MAX_SECONDS)
