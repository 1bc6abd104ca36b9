"""What was deleted and can be restored: rows. The files and folders themselves `bins` moves in and out.

The disk and the database cannot change in one step: a row is written before its file comes, and is "settled" only when
it lies there; before it leaves, it is not settled any more. `recover` asks the disk at start what became of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import trash

DAY = 86_400  # seconds
AT_ONCE = 1000  # rows of one round of `expire`

Row = sa.Row[Any]


def enter(tx: Tx, account: str, path: str, *, is_folder: bool, size: int) -> dict[str, Any]:
    """Something is about to come: its row. `size` in bytes, with all that is in a folder."""
    row = {"id": tx.id(), "account": account, "path": path, "is_folder": is_folder, "size": size, "deleted": tx.now}
    tx.run(trash.insert().values({**row, "settled": False}))
    return row


def settle(tx: Tx, row: dict[str, Any]) -> None:
    """It has come. Another process that started meanwhile may have taken its row for one of a crash."""
    rest = {name: value for name, value in row.items() if name != "id"}
    tx.upsert(trash, {"id": row["id"]}, {**rest, "settled": True})


def stay(tx: Tx, trash_id: str) -> None:
    """It did not leave after all."""
    tx.run(trash.update().where(trash.c.id == trash_id).values(settled=True))


def leave(tx: Tx, trash_id: str, *, account: str) -> Row:
    """It is about to leave: its row. Raises `NotFound`."""
    row = get(tx, trash_id, account=account)
    _unsettle(tx, [row])
    return row


def drop(tx: Tx, trash_ids: Iterable[str]) -> None:
    """They have left, or never came."""
    for trash_id in trash_ids:
        tx.run(trash.delete().where(trash.c.id == trash_id))


def get(tx: Tx, trash_id: str, *, account: str) -> Row:
    """Something in a person's trash. Raises `NotFound`."""
    row = tx.one(sa.select(trash).where(trash.c.id == trash_id, *_of(account)))
    if row is None:
        raise NotFound("This is not in the trash any more.")
    return row


def listing(tx: Tx, account: str) -> list[Row]:
    """What is in a person's trash, the last deleted first."""
    return list(tx.all(sa.select(trash).where(*_of(account)).order_by(trash.c.deleted.desc(), trash.c.path)))


def size(tx: Tx, account: str) -> int:
    """Bytes in a person's trash."""
    row = tx.one(sa.select(sa.func.sum(trash.c.size).label("size")).where(*_of(account)))
    return int(row.size or 0) if row else 0


def leave_all(tx: Tx, account: str) -> list[Row]:
    """Everything is about to be deleted for good."""
    rows = listing(tx, account)
    _unsettle(tx, rows)
    return rows


def give_way(tx: Tx, account: str, needed: int) -> list[Row]:
    """What is about to be deleted for good, the oldest first, so that so many bytes become free."""
    rows: list[Row] = []
    for row in reversed(listing(tx, account)):
        if needed <= 0:
            break
        rows.append(row)
        needed -= row.size
    _unsettle(tx, rows)
    return rows


def expire(tx: Tx, days: int) -> list[Row]:
    """What has been there for so long, of everybody, and is about to be deleted for good."""
    old = trash.c.deleted <= tx.now - days * DAY, trash.c.settled
    rows = list(tx.all(sa.select(trash).where(*old).order_by(trash.c.deleted).limit(AT_ONCE)))
    _unsettle(tx, rows)
    return rows


def recover(tx: Tx, lies_there: Callable[[str, str], bool]) -> None:
    """At start: settles what lies in the trash, by account and id, and drops the rows of what does not."""
    for row in tx.all(sa.select(trash).where(~trash.c.settled)):
        if lies_there(row.account, row.id):
            stay(tx, row.id)
        else:
            drop(tx, [row.id])


def _of(account: str) -> tuple[sa.ColumnElement[bool], ...]:
    return trash.c.account == account, trash.c.settled


def _unsettle(tx: Tx, rows: Iterable[Row]) -> None:
    for row in rows:
        tx.run(trash.update().where(trash.c.id == row.id).values(settled=False))
