"""What people are told: a row for everything that somebody else, another server or time did that concerns them.

    news.tell(tx, row.account, news.OFFERED, subject=row.id, who=row.sender, name=row.name)

A gesture says so in its own transaction; whoever does something is not told of it themselves. The sentence that a
person reads is made from the row when it is shown. The same said again is one row, which is new again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import Formatter
from typing import Any, NamedTuple

import sqlalchemy as sa

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import news


class Event(NamedTuple):
    """What the subject is a row of, and the sentence: `{who}` is the other person, `{name}` the file or folder."""

    about: str
    sentence: str


RECEIVED, SHARE, INVITE, CONTACT = "received", "share", "invite", "contact"  # what news are about
REQUEST, ASKED, COPY, LINK = "request", "asked", "copy", "link"

OFFERED, ADDED, CHANGED, ENDED = "share-offered", "share-added", "share-changed", "share-ended"
EXPIRED, GONE, CUT, UNGROUPED = "share-expired", "share-gone", "share-cut", "share-ungrouped"
LINK_GONE = "link-gone"
LOST = "share-lost"
ACCEPTED, DECLINED, LEFT = "my-share-accepted", "my-share-declined", "my-share-left"
FAILING, FAILED = "my-share-failing", "my-share-failed"
MY_EXPIRED, MY_CUT, MY_LOST = "my-share-expired", "my-share-cut", "my-share-lost"
TAKEN = "my-share-taken"
SHARED_ON, UNDONE, NOT_ON = "my-share-shared-on", "my-share-undone", "my-share-not-on"
INVITE_TAKEN, INVITE_FAILED, CONTACT_ENDED = "invite-taken", "invite-failed", "contact-ended"
REQUESTED, GRANTED, REFUSED = "request-made", "request-granted", "request-refused"
REQUEST_CUT, ASKED_CUT = "request-cut", "asked-cut"
LINK_PUT, LINK_LOST = "link-put", "link-lost"
COPIED, NOT_COPIED = "copy-done", "copy-failed"

EVENTS = {
    OFFERED: Event(RECEIVED, "{who} wants to share “{name}” with you."),
    ADDED: Event(RECEIVED, "{who} shared “{name}” with you. It is among your files."),
    CHANGED: Event(RECEIVED, "{who} changed what you may do with “{name}”, or until when."),
    ENDED: Event(RECEIVED, "{who} no longer shares “{name}” with you."),
    EXPIRED: Event(RECEIVED, "The time is over for which {who} shared “{name}” with you."),
    GONE: Event(RECEIVED, "“{name}”, which {who} shared with you, is not there any more."),
    LINK_GONE: Event(RECEIVED, "“{name}”, which you took from a public link of {who}, is not there any more."),
    UNGROUPED: Event(RECEIVED, "“{name}” of {who} is not yours any more: you are no longer in the group that had it."),
    CUT: Event(RECEIVED, "This cloud no longer exchanges anything with the cloud of {who}; “{name}” is gone."),
    LOST: Event(RECEIVED, "“{name}” of {who} is gone with the folder that it was in, which somebody else deleted."),
    ACCEPTED: Event(SHARE, "{who} accepted “{name}”."),
    DECLINED: Event(SHARE, "{who} declined “{name}”."),
    LEFT: Event(SHARE, "{who} no longer wants “{name}”."),
    FAILING: Event(SHARE, "The cloud of {who} could not be told about “{name}” yet. It is being tried again."),
    FAILED: Event(SHARE, "“{name}” could not be delivered to {who}."),
    MY_EXPIRED: Event(SHARE, "The time is over for which you shared “{name}” with {who}."),
    MY_CUT: Event(SHARE, "This cloud no longer exchanges anything with the cloud of {who}, who had “{name}”."),
    TAKEN: Event(SHARE, "A visitor of your link had “{name}” shared with {who}."),
    MY_LOST: Event(SHARE, "“{name}”, which you shared with {who}, was deleted by somebody else who may write there."),
    SHARED_ON: Event(SHARE, "{who} shared “{name}” on with somebody else."),
    UNDONE: Event(SHARE, "{who}, who had “{name}” from somebody with whom you shared it, does not have it any more."),
    NOT_ON: Event(
        SHARE, "{who}, with whom you shared “{name}” on, does not have it any more: its owner or its time ended that."
    ),
    INVITE_TAKEN: Event(INVITE, "{who} accepted your invite. You are contacts now."),
    INVITE_FAILED: Event(INVITE, "Your invite could not be sent to {who}."),
    CONTACT_ENDED: Event(CONTACT, "{who} has removed you from their contacts."),
    REQUESTED: Event(REQUEST, "{who} asks you for “{name}”."),
    GRANTED: Event(RECEIVED, "{who} shares “{name}” with you, as you asked."),
    REFUSED: Event(ASKED, "The cloud of {who} did not take your request for “{name}”."),
    REQUEST_CUT: Event(
        REQUEST, "This cloud no longer exchanges anything with the cloud of {who}, who asked for “{name}”."
    ),
    ASKED_CUT: Event(
        ASKED, "This cloud no longer exchanges anything with the cloud of {who}, whom you asked for “{name}”."
    ),
    LINK_PUT: Event(LINK, "By your link, somebody put something into “{name}”."),
    LINK_LOST: Event(LINK, "“{name}”, to which you had a link, was deleted by somebody else who may write there."),
    COPIED: Event(COPY, "“{name}” of {who} is copied. It is among your own files."),
    NOT_COPIED: Event(COPY, "“{name}” of {who} could not be copied, or not all of it."),
}

LIFETIME = 90 * 86_400  # seconds that a row is kept
MAX_ROWS = 1_000  # of one person; the oldest go first
MAX_PAGE = 100  # rows that are shown at a time
DAY = 86_400  # seconds

Row = sa.Row[Any]

_FORGET_SAME = news.delete().where(
    *(news.c[name] == sa.bindparam(f"same_{name}") for name in ("account", "event", "subject", "who"))
)
_UNREAD = sa.select(sa.func.count().label("number")).where(
    news.c.account == sa.bindparam("whose"), news.c.read.is_(False)
)


def tell(
    tx: Tx,
    account: str,
    event: str,
    *,
    subject: str = "",
    who: str = "",
    who_name: str = "",
    name: str = "",
    once: bool = False,
) -> None:
    """Tells a person of an event, one of `EVENTS`; `subject` is the id of the row that it is about.

    `who` is the OCM Address of the other person, `name` that of the file or folder. `once`: if they were told already,
    nothing changes.
    """
    assert event in EVENTS
    same = {"account": account, "event": event, "subject": subject, "who": who}
    row = {**same, "who_name": who_name, "name": name, "at": tx.now, "read": False}
    if once:
        tx.insert_new(news, row)
        return
    tx.run(_FORGET_SAME, {f"same_{column}": value for column, value in same.items()})
    tx.run(news.insert(), row)


def take_back(tx: Tx, account: str, event: str, subject: str) -> None:
    """It is not so any more: whether or not they have read it, it is gone."""
    tx.run(news.delete().where(news.c.account == account, news.c.event == event, news.c.subject == subject))


def settled(tx: Tx, account: str, subject: str) -> None:
    """The person has dealt with what these news are about, or it is over: they need not be called to it any more."""
    tx.run(news.update().where(*_unread_of(account), news.c.subject == subject).values(read=True))


def unread(tx: Tx, account: str) -> int:
    """How many the person has not read."""
    row = tx.one(_UNREAD, {"whose": account})
    return 0 if row is None else row.number


def listing(
    tx: Tx, account: str, *, unread_only: bool = False, before: int | None = None, limit: int = MAX_PAGE
) -> list[Row]:
    """A person's news, newest first, at most `limit`; with `before`, the id of one, only older ones."""
    query = sa.select(news).where(*_unread_of(account)) if unread_only else sa.select(news).where(_whose(account))
    if before is not None:
        query = query.where(news.c.id < before)
    return list(tx.all(query.order_by(news.c.id.desc()).limit(min(limit, MAX_PAGE))))


def mark(tx: Tx, account: str, news_id: int) -> Row:
    """The person has read it. Again is no error. Raises `NotFound`."""
    mine = _whose(account), news.c.id == news_id
    tx.run(news.update().where(*mine).values(read=True))
    row = tx.one(sa.select(news).where(*mine))
    if row is None:
        raise NotFound("There is no such notification.")
    return row


def mark_all(tx: Tx, account: str, *, until: int | None = None) -> int:
    """The person has read all; `until`: those up to that id, for others may have come meanwhile. How many they were."""
    which = [*_unread_of(account)] + ([] if until is None else [news.c.id <= until])
    return tx.run(news.update().where(*which).values(read=True)).rowcount


def pieces(row: Row, spoken: Callable[[str], str] = str) -> Iterator[tuple[str, str]]:
    """The sentence of a row in pieces: some text, and what comes behind it: "who", "name" or nothing ("").

    `spoken` makes of a sentence of `EVENTS` the same in another language.
    """
    for text, field, _, _ in Formatter().parse(spoken(EVENTS[row.event].sentence)):
        yield text, field or ""


def sentence(row: Row, spoken: Callable[[str], str] = str) -> str:
    """The sentence of a row, where there is only text."""
    who = f"{row.who_name} ({row.who})" if row.who_name not in ("", row.who) else row.who
    return spoken(EVENTS[row.event].sentence).format(who=who, name=row.name)


def purge(tx: Tx) -> None:
    """Drops what is too old, and of those who are told very much what is too much."""
    tx.run(news.delete().where(news.c.at < tx.now - LIFETIME))
    told = sa.select(news.c.account).where(news.c.at > tx.now - DAY).distinct()
    numbers = sa.select(news.c.account).where(news.c.account.in_(told)).group_by(news.c.account)
    for row in tx.all(numbers.having(sa.func.count() > MAX_ROWS)):
        newest = sa.select(news.c.id).where(_whose(row.account)).order_by(news.c.id.desc())
        last = newest.offset(MAX_ROWS).limit(1).scalar_subquery()
        tx.run(news.delete().where(_whose(row.account), news.c.id <= last))


def _whose(account: str) -> sa.ColumnElement[bool]:
    return news.c.account == account


def _unread_of(account: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _whose(account), news.c.read.is_(False)
