"""The audit trail: what crossed servers and what the operator decided about them; who, with whom, known how, and why.

A row is written in the transaction of what it tells about. What was refused has changed nothing, so `Context.commit`
writes its row afterwards. No secret is in it. The same refusal again within an hour counts up one row, so that
nobody can fill the disk with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import audit

Direction = Literal["in", "out", "here"]
Outcome = Literal["done", "refused", "failed"]

EVENTS = (
    "share",
    "reshare",
    "notification",
    "invite",
    "token",
    "request",
    "contact",
    "directory",
    "policy",
    "peer",
    "keys",
    "account",
    "outbox",
    "group",
)
SAME_AGAIN = 3_600  # seconds in which the same refusal is one row
LIFETIME = 365 * 86_400  # seconds that a row is kept

Row = sa.Row[Any]


def record(
    tx: Tx,
    event: str,
    direction: Direction,
    outcome: Outcome = "done",
    *,
    host: str = "",
    account: str = "",
    who: str = "",
    verified: str = "",
    subject: str = "",
    reason: str = "",
    by: str = "",
) -> None:
    """One row. `event` is one of `EVENTS`, `who` an OCM Address, `verified` how the peer is known.

    `by`: the operator who decided it on a page or by the API; nobody is named for what the command line does.
    """
    assert event in EVENTS
    same = {"event": event, "direction": direction, "outcome": outcome, "host": host, "account": account,
            "who": who, "verified": verified, "subject": subject, "reason": reason, "by": by}  # fmt: skip
    if outcome == "refused":
        again = sa.and_(audit.c.at > tx.now - SAME_AGAIN, *(audit.c[name] == value for name, value in same.items()))
        if tx.run(audit.update().where(again).values(at=tx.now, count=audit.c.count + 1)).rowcount:
            return
    tx.run(audit.insert(), {"at": tx.now, **same})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: what is "" or None is left open. `account`: about this person here, or decided by them."""

    host: str | None = None
    account: str | None = None
    event: str | None = None
    outcome: str | None = None
    since: int = 0
    until: int | None = None  # and no later


def page(tx: Tx, wanted: Wanted, *, before: tuple[int, int] | None = None, limit: int | None = None) -> list[Row]:
    """`limit` rows, newest first, older than the row of which `before` is (`at`, `id`)."""
    query = sa.select(audit).where(audit.c.at >= wanted.since)
    values = {"host": wanted.host, "event": wanted.event, "outcome": wanted.outcome}
    query = query.where(*(audit.c[name] == value for name, value in values.items() if value))
    if wanted.account:
        query = query.where(sa.or_(audit.c.account == wanted.account, audit.c.by == wanted.account))
    if wanted.until is not None:
        query = query.where(audit.c.at <= wanted.until)
    if before is not None:
        at, row_id = before
        query = query.where(sa.or_(audit.c.at < at, sa.and_(audit.c.at == at, audit.c.id < row_id)))
    return list(tx.all(query.order_by(audit.c.at.desc(), audit.c.id.desc()).limit(limit)))


def listing(tx: Tx, *, limit: int | None = None, **wanted: Any) -> list[Row]:
    """The newest `limit` rows, oldest first; `wanted` as in `Wanted`."""
    return page(tx, Wanted(**wanted), limit=limit)[::-1]


def purge(tx: Tx) -> None:
    """Drops rows that are too old."""
    tx.run(audit.delete().where(audit.c.at < tx.now - LIFETIME))
