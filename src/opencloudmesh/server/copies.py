"""What people copy from received shares to their own files: jobs that outlive restarts and servers that are away.

A row is one file or folder. A folder becomes a row for each of its children once it is looked into, all under the
`job` of the first; what has arrived of a file is in `partials`, by the id of its row, and is in nobody's tree before
all of it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from opencloudmesh.protocol.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    SecondFactorNeeded,
    TooManyRequests,
)
from opencloudmesh.protocol.protocols import MUST_USE_MFA
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import news, outbox, received
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import copies
from opencloudmesh.server.schema import received as shared
from opencloudmesh.server.trees import inside

WAITING, DONE, FAILED, GONE = "waiting", "done", "failed", "gone"

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (WAITING, "arrived"): DONE,
    (WAITING, "failed"): FAILED,
    (FAILED, "retried"): WAITING,
    (WAITING, "cancelled"): GONE,
    (FAILED, "cancelled"): GONE,
    (DONE, "cancelled"): GONE,  # taken off the list; what was copied stays
}

MAX_JOBS = 50  # of one person, on the list
MAX_FILES = 10_000  # of one job, folders too
AT_ONCE = 4  # rows that are worked on at a time
OF_ONE = 2  # of these of one person: a server that sends slowly holds up nobody else's
KEEP = 30 * 86_400  # seconds that what has ended stays on the list

Row = sa.Row[Any]


class Item(NamedTuple):
    """What was found in a folder: a name, and whether it is a folder."""

    name: str
    is_folder: bool
    size: int


def begin(tx: Tx, account: str, received_id: str, *, strong: bool, path: str = "", folder: str = "") -> Row:
    """A person copies what is at a path of a received share into a folder of theirs. Again while it lasts: the same.

    `strong`: they have passed a second factor. Raises `NotFound`, `Conflict` for a share that is not accepted,
    `SecondFactorNeeded`, `Forbidden` for a folder that is somebody else's, `TooManyRequests`.
    """
    share = received.get(tx, received_id, account=account)
    if MUST_USE_MFA in share.requirements and not strong:
        raise SecondFactorNeeded("Its owner demands a second factor, also to copy it.")
    if share.state != received.ACCEPTED or not received.is_tree(share):
        raise Conflict("Only files of a share that you have accepted can be copied.")
    mounted = sa.select(shared.c.path).where(shared.c.account == account, shared.c.path.is_not(None))
    if any(inside(folder, row.path) for row in tx.all(mounted)):
        raise Forbidden("That folder is somebody else's. Choose one of your own.")
    same = (copies.c.received == share.id, copies.c.source == path, copies.c.folder == folder, _is_first())
    for row in tx.all(sa.select(copies).where(copies.c.account == account, *same, copies.c.state != DONE)):
        return row if row.state == WAITING else retry(tx, row.id, account=account)
    if len(jobs(tx, account)) >= MAX_JOBS:
        raise TooManyRequests("Take some copies off the list first.")
    copy_id = tx.id()
    name = path.rpartition("/")[2] or (share.path or share.name).rpartition("/")[2]
    _insert(tx, share, {"id": copy_id, "job": copy_id, "source": path, "folder": folder, "name": name})
    return get(tx, copy_id)


def get(tx: Tx, copy_id: str, *, account: str | None = None) -> Row:
    """One row. Raises `NotFound`."""
    query = sa.select(copies).where(copies.c.id == copy_id)
    row = tx.one(query if account is None else query.where(copies.c.account == account))
    if row is None:
        raise NotFound("There is no such copy.")
    return row


def jobs(tx: Tx, account: str) -> list[Row]:
    """The first row of each of a person's jobs, newest first."""
    query = sa.select(copies).where(copies.c.account == account, _is_first())
    return list(tx.all(query.order_by(copies.c.created.desc(), copies.c.id)))


def rows(tx: Tx, job: str) -> list[Row]:
    """All of one job, the first first."""
    query = sa.select(copies).where(copies.c.job == job)
    return list(tx.all(query.order_by(copies.c.id != copies.c.job, copies.c.source)))


def unfinished(found: Iterable[Sequence[Row]]) -> list[str]:
    """The ids of those rows of jobs of which only a part may have arrived."""
    return [row.id for job in found for row in job if row.state != DONE]


def due(tx: Tx, under_way: Mapping[str, str]) -> list[Row]:
    """What is to be begun now: each person's oldest first, and people take turns.

    `under_way` has the person of each row that is being worked on, by its id.
    """
    turn = sa.func.row_number().over(
        partition_by=copies.c.account, order_by=(copies.c.due, copies.c.created, copies.c.id)
    )
    waiting = sa.select(copies, turn.label("turn")).where(
        copies.c.state == WAITING, copies.c.due <= tx.now, copies.c.id.not_in(under_way)
    )
    found = waiting.subquery()
    first = tx.all(sa.select(found).where(found.c.turn <= OF_ONE).order_by(found.c.due, found.c.created, found.c.id))
    busy = Counter(under_way.values())
    fair = [row for row in first if busy[row.account] + row.turn <= OF_ONE]
    fair.sort(key=lambda row: busy[row.account] + row.turn)
    return fair[: max(0, AT_ONCE - len(under_way))]


def goes_on(tx: Tx, copy_id: str) -> bool:
    """Whether it is still wanted."""
    return tx.one(sa.select(copies.c.id).where(copies.c.id == copy_id, copies.c.state == WAITING)) is not None


def seen(tx: Tx, copy_id: str, *, size: int, etag: str) -> None:
    """What the file is, of which the bytes that come are."""
    tx.run(copies.update().where(copies.c.id == copy_id).values(size=size, etag=etag, error=None))


def unfold(tx: Tx, row: Row, name: str, children: Sequence[Item]) -> None:
    """A folder was made by that name; what is in it is to be copied too. Raises `Invalid` for too much."""
    there = tx.one(sa.select(sa.func.count().label("number")).where(copies.c.job == row.job))
    if there is not None and there.number + len(children) > MAX_FILES:
        raise Invalid("There is too much in it: more than {most} files and folders.", most=MAX_FILES)
    share = received.get(tx, row.received)
    place = f"{row.folder}/{name}".lstrip("/")
    for child in children:
        source = f"{row.source}/{child.name}".lstrip("/")
        values = {"id": tx.id(), "job": row.job, "source": source, "folder": place, "name": child.name}
        _insert(tx, share, {**values, "size": child.size})
    arrived(tx, row.id, name)


def arrived(tx: Tx, copy_id: str, name: str) -> None:
    """It is among the person's files, by that name."""
    row = get(tx, copy_id)
    _change(tx, row, "arrived", name=name, error=None)
    _tell(tx, row)


def failed(tx: Tx, copy_id: str, reason: str) -> None:
    """It cannot be copied; the person sees why."""
    row = get(tx, copy_id)
    _change(tx, row, "failed", error=reason)
    _tell(tx, row)


def postponed(tx: Tx, copy_id: str, reason: str, *, retry_after: int | None = None) -> None:
    """It did not work this time; after a week it has failed."""
    row = get(tx, copy_id)
    if tx.now - row.changed >= outbox.GIVE_UP_AFTER:
        failed(tx, copy_id, reason)
        return
    wait = outbox.BACK_OFF[min(row.attempts, len(outbox.BACK_OFF) - 1)]
    values = {"attempts": row.attempts + 1, "due": tx.now + max(wait, min(retry_after or 0, 86_400)), "error": reason}
    tx.run(copies.update().where(copies.c.id == copy_id, copies.c.state == WAITING).values(values))


def retry(tx: Tx, copy_id: str, *, account: str) -> Row:
    """What failed of a job is tried again, from where it stopped; what waits is tried now. Raises `NotFound`."""
    first = _first(tx, copy_id, account)
    for row in rows(tx, first.id):
        if row.state == FAILED:
            _change(tx, row, "retried", attempts=0, due=tx.now, error=None)
        elif row.state == WAITING:
            tx.run(copies.update().where(copies.c.id == row.id).values(attempts=0, due=tx.now))
    news.take_back(tx, account, news.NOT_COPIED, first.id)
    return get(tx, first.id)


def cancel(tx: Tx, copy_id: str, *, account: str) -> list[str]:
    """The whole job is taken off the list; what was copied stays. The ids of what may have arrived in part."""
    first = _first(tx, copy_id, account)
    ids = [row.id for row in rows(tx, first.id)]
    tx.run(copies.delete().where(copies.c.job == first.id))
    news.settled(tx, account, first.id)
    return ids


def purge(tx: Tx) -> None:
    """Forgets jobs that ended long ago."""
    waiting = copies.alias("waiting")
    lasts = sa.exists().where(waiting.c.job == copies.c.job, waiting.c.state == WAITING)
    old = sa.select(copies.c.job).where(copies.c.changed < tx.now - KEEP, _is_first(), ~lasts)
    tx.run(copies.delete().where(copies.c.job.in_(old.scalar_subquery())))


def known(tx: Tx) -> set[str]:
    """The ids of everything of which something may have arrived."""
    return {row.id for row in tx.all(sa.select(copies.c.id).where(copies.c.state != DONE))}


def check_folder(is_folder: bool) -> None:
    """Raises `Invalid` where something is to be copied into a file."""
    if not is_folder:
        raise Invalid("Choose a folder.", fields=[FieldError("folder", "INVALID")])


def _first(tx: Tx, copy_id: str, account: str) -> Row:
    row = get(tx, copy_id, account=account)
    if row.id != row.job:
        raise NotFound("There is no such copy.")
    return row


def _tell(tx: Tx, row: Row) -> None:
    """The person is told when nothing of the job waits any more."""
    of_it = sa.select(copies.c.id).where(copies.c.job == row.job).limit(1)
    if tx.one(of_it.where(copies.c.state == WAITING)) is not None:
        return
    event = news.COPIED if tx.one(of_it.where(copies.c.state == FAILED)) is None else news.NOT_COPIED
    first = get(tx, row.job)
    share = tx.one(sa.select(shared.c.sender, shared.c.sender_name).where(shared.c.id == row.received))
    assert share is not None  # the rows go with it
    who = {"who": share.sender, "who_name": share.sender_name}
    news.tell(tx, row.account, event, subject=row.job, name=first.name, **who)


def _is_first() -> sa.ColumnElement[bool]:
    return copies.c.id == copies.c.job


def _insert(tx: Tx, share: Row, values: dict[str, Any]) -> None:
    row = {"account": share.account, "received": share.id, "host": share.host, "size": 0, **values}
    tx.run(copies.insert().values(**row, state=WAITING, due=tx.now, created=tx.now, changed=tx.now))


def _change(tx: Tx, row: Row, event: str, **values: Any) -> None:
    state = TRANSITIONS.get((row.state, event))
    if state is None:
        raise Conflict("A copy that is {state} cannot be {event}.", state=Sentence(row.state), event=Sentence(event))
    tx.run(copies.update().where(copies.c.id == row.id).values(state=state, changed=tx.now, **values))
