"""What has to be told to peers: rows written in the same transaction as the change they are about.

A row stays until it is delivered, or is given up after a week with a reason that the person sees. Rows about the
same subject go out in their order. The worker takes what is due; here is only what is stored.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import outbox, peers

SHARE, NOTIFICATION, REQUEST, MAIL = "share", "notification", "request", "mail"
RESHARE = "reshare"  # the owner's server is asked to share on what one of ours received
PROBE, CONFIRM = LOOKS = "probe", "confirm"  # at a received share; the sender is told nothing
DUE, GIVEN_UP = "due", "given-up"
OVER = "over"  # there is no row any more

# (state, what happens) -> state. A row in another state is left as it is.
TRANSITIONS = {
    (DUE, "delivered"): OVER,
    (DUE, "postponed"): DUE,
    (DUE, "given up"): GIVEN_UP,
    (DUE, "retried"): DUE,
    (GIVEN_UP, "retried"): DUE,
    (DUE, "dropped"): OVER,
    (GIVEN_UP, "dropped"): OVER,
}

GIVE_UP_AFTER = 7 * 86_400  # seconds
# Seconds until the next try; the last is repeated. Early ones are short: most failures are a restart.
BACK_OFF = (5, 15, 60, 300, 900, 3_600, 3_600 * 3)

PER_HOST = 4  # rows of one peer that are due at a time, so that it never stands before the others


def put(tx: Tx, *, host: str, kind: str, subject: str, message: dict[str, Any] | None = None, after: int = 0) -> None:
    """Queues a message to `host` about the share `subject`, to be sent in `after` seconds."""
    row = {"host": host, "kind": kind, "subject": subject, "message": message or {}}
    tx.run(outbox.insert().values(**row, state=DUE, due=tx.now + after, created=tx.now))


def waits(tx: Tx, kind: str, subject: str) -> bool:
    """Whether something of that kind is due or will be."""
    query = sa.select(outbox.c.id).where(outbox.c.kind == kind, outbox.c.subject == subject, outbox.c.state == DUE)
    return tx.one(query.limit(1)) is not None


def notification(
    kind: str, resource_type: str, provider_id: str, secret: str, content: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The message of a notification: it must be sayable even when the row that it is about is gone."""
    said = {"type": kind, "resource_type": resource_type, "provider_id": provider_id, "secret": secret}
    return {**said, "content": content} if content else said


def due(tx: Tx, *, limit: int = 100) -> list[sa.Row[Any]]:
    """Rows to be tried now, oldest first: only the first of each subject, and a few of each host.

    Nothing waits for a look at a share: it is not a message about it.
    """
    earlier = outbox.alias("earlier")
    blocked = sa.exists().where(
        earlier.c.subject == outbox.c.subject,
        earlier.c.id < outbox.c.id,
        earlier.c.state == DUE,
        earlier.c.kind.not_in(LOOKS),
    )
    silent = sa.exists().where(peers.c.host == outbox.c.host, peers.c.retry_at > tx.now)  # its circuit is open
    order = (outbox.c.due, outbox.c.id)
    place = sa.func.row_number().over(partition_by=outbox.c.host, order_by=order).label("place")
    is_due = sa.and_(outbox.c.state == DUE, outbox.c.due <= tx.now)
    ready = sa.select(outbox.c.id, place).where(is_due, ~blocked, ~silent).subquery()
    query = sa.select(outbox).join(ready, ready.c.id == outbox.c.id).where(ready.c.place <= PER_HOST)
    return list(tx.all(query.order_by(*order).limit(limit)))


def everything(tx: Tx) -> list[sa.Row[Any]]:
    """All rows, for the operator."""
    return list(tx.all(sa.select(outbox).order_by(outbox.c.id)))


def page(tx: Tx, *, host: str = "", state: str = "", after: int = 0, limit: int) -> list[sa.Row[Any]]:
    """`limit` rows in their order, behind the row `after`; those of a host or in a state where given."""
    wanted = {name: value for name, value in (("host", host), ("state", state)) if value}
    query = sa.select(outbox).where(outbox.c.id > after, *(outbox.c[name] == value for name, value in wanted.items()))
    return list(tx.all(query.order_by(outbox.c.id).limit(limit)))


def get(tx: Tx, row_id: int) -> sa.Row[Any]:
    """One row. Raises `NotFound`."""
    row = tx.one(sa.select(outbox).where(outbox.c.id == row_id))
    if row is None:
        raise NotFound("There is no such message: it was delivered, or has become needless.")
    return row


def late(tx: Tx, subjects: Collection[str]) -> list[sa.Row[Any]]:
    """What was tried in vain to tell of these shares, oldest first; also what was given up."""
    tried = sa.or_(outbox.c.attempts > 0, outbox.c.state == GIVEN_UP)
    query = sa.select(outbox).where(outbox.c.subject.in_(subjects), outbox.c.kind.not_in(LOOKS), tried)
    return list(tx.all(query.order_by(outbox.c.id)))


def count(tx: Tx, host: str) -> int:
    """How many rows are about one host."""
    row = tx.one(sa.select(sa.func.count().label("number")).where(outbox.c.host == host))
    return row.number if row is not None else 0


def waiting(tx: Tx) -> dict[str, int]:
    """How many rows are in each state."""
    counts = dict.fromkeys((DUE, GIVEN_UP), 0)
    query = sa.select(outbox.c.state, sa.func.count().label("number")).group_by(outbox.c.state)
    return counts | {row.state: row.number for row in tx.all(query)}


def done(tx: Tx, row_id: int) -> None:
    """It has been delivered, or need not be any more."""
    tx.run(outbox.delete().where(outbox.c.id == row_id, _open_to("delivered")))


def retry(tx: Tx, row: sa.Row[Any]) -> None:
    """It is tried now; for one that was given up the week begins anew."""
    values = {"state": DUE, "due": tx.now} | ({"created": tx.now} if row.state == GIVEN_UP else {})
    tx.run(outbox.update().where(outbox.c.id == row.id, _open_to("retried")).values(**values))


def drop_one(tx: Tx, row_id: int) -> None:
    """One row is told no more."""
    tx.run(outbox.delete().where(outbox.c.id == row_id, _open_to("dropped")))


def drop(tx: Tx, subject: str) -> None:
    """Nothing about this subject needs to be told any more."""
    tx.run(outbox.delete().where(outbox.c.subject == subject, _open_to("dropped")))


def drop_host(tx: Tx, host: str) -> int:
    """A peer is told nothing any more; how many rows that were."""
    return tx.run(outbox.delete().where(outbox.c.host == host, _open_to("dropped"))).rowcount


def hurry(tx: Tx, host: str) -> None:
    """The host answers again: what it could not be told so far is due now."""
    late = outbox.c.host == host, outbox.c.kind.not_in(LOOKS), outbox.c.attempts > 0, outbox.c.due > tx.now
    tx.run(outbox.update().where(*late, _open_to("retried")).values(due=tx.now))


def postpone(tx: Tx, row: sa.Row[Any], reason: str, *, retry_after: int | None = None) -> bool:
    """It did not work this time. False where it is now given up: a week has passed."""
    if tx.now - row.created >= GIVE_UP_AFTER:
        give_up(tx, row.id, reason)
        return False
    wait = BACK_OFF[min(row.attempts, len(BACK_OFF) - 1)]
    spread = row.id * 2_654_435_761 % 1000 / 5000  # up to a fifth more, so that not all come at once
    due_at = tx.now + max(int(wait * (1 + spread)), min(retry_after or 0, 86_400))
    values = {"attempts": row.attempts + 1, "due": due_at, "error": reason}
    tx.run(outbox.update().where(outbox.c.id == row.id, _open_to("postponed")).values(**values))
    return True


def give_up(tx: Tx, row_id: int, reason: str) -> None:
    """It will not be tried again; the row stays for the operator to see."""
    given_up = outbox.c.id == row_id, _open_to("given up")
    tx.run(outbox.update().where(*given_up).values(state=GIVEN_UP, error=reason))


def _open_to(event: str) -> sa.ColumnElement[bool]:
    return outbox.c.state.in_([state for state, what in TRANSITIONS if what == event])
