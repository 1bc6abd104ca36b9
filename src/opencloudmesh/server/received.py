"""What people elsewhere offer to our users: the life of an incoming share.

Removing it here always works at once, whatever the peer does; the peer is told through the outbox. Only the owner's
side changes what may be done with it: what is stored of permissions is for display.

A share for a group of ours is a row for each member, who accepts or declines for themself. For its sender it is one
share: `together`.

What somebody took from a public link (`links_elsewhere`) is a row too, and accepted from the first. Nobody at the other
side knows of it: no message is about it, and when it is left, nothing of it stays.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.errors import Conflict, NotFound
from opencloudmesh.protocol.notifications import SHARE_ACCEPTED, SHARE_DECLINED
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, bounds, contacts, locks, news, outbox, passing_on, properties
from opencloudmesh.server.bounds import LINK
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import groups, received
from opencloudmesh.server.subtrees import at_or_below
from opencloudmesh.server.trees import inside, join, numbered

PENDING, ACCEPTED, DECLINED = "pending", "accepted", "declined"
UNSHARED, EXPIRED, REMOVED = "unshared", "expired", "removed"

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (PENDING, "accepted"): ACCEPTED,
    (PENDING, "changed"): PENDING,
    (ACCEPTED, "changed"): ACCEPTED,
    (EXPIRED, "changed"): PENDING,  # the sender had prolonged it in time, and we hear of it late
    (PENDING, "declined"): DECLINED,
    (ACCEPTED, "declined"): DECLINED,
    (PENDING, "unshared"): UNSHARED,
    (ACCEPTED, "unshared"): UNSHARED,
    (PENDING, "expired"): EXPIRED,
    (ACCEPTED, "expired"): EXPIRED,
    (PENDING, "removed"): REMOVED,
    (ACCEPTED, "removed"): REMOVED,
    (DECLINED, "removed"): REMOVED,
    (UNSHARED, "removed"): REMOVED,
    (EXPIRED, "removed"): REMOVED,
}
OPEN = (PENDING, ACCEPTED)  # the sender still counts on us

FOLDER = "Shares"  # where received shares appear in the receiver's tree
CONFIRM_AFTER = 900  # seconds after which a share that seems to be gone is looked at again

Row = sa.Row[Any]

# What is said to the sender of a share for a group, unless somebody else in it has the share in one of these states:
# that the first has accepted, and that the last has declined or left.
_SPOKEN_FOR = {SHARE_ACCEPTED: (ACCEPTED,), SHARE_DECLINED: OPEN}
_SAME = ("host", "provider_id", "fingerprint")  # columns in which the rows of one share for a group are the same

_GROUP_NAME = sa.select(groups.c.name).where(groups.c.id == received.c.group).scalar_subquery()
# With whether the sender is among the person's contacts, and the name of the group.
_WITH_SENDER = sa.select(
    received,
    contacts.exists(received.c.account, received.c.sender).label("known"),
    _GROUP_NAME.label("group_name"),
)
_OFFERED = sa.select(received).where(received.c.verified != LINK)  # of which there may be messages
_BY_ID = _WITH_SENDER.where(received.c.id == sa.bindparam("received"))


def together(tx: Tx, row: Row) -> list[Row]:
    """All rows of one share: of one for a group that of each member who was offered it, else the row alone."""
    if row.group is None:
        return [row]
    query = _WITH_SENDER.where(*(received.c[name] == row._mapping[name] for name in _SAME))
    return list(tx.all(query.order_by(received.c.created, received.c.id)))


def offer_to(tx: Tx, stored: Mapping[str, Any], account: str, trust: str) -> Row:
    """A share is put before one person; `trust` says on which grounds the policy let it in."""
    received_id = tx.id()
    personal = {"id": received_id, "account": account, "trust": trust, "state": PENDING}
    tx.run(received.insert(), {**stored, **personal, "created": tx.now, "changed": tx.now})
    audit.record(
        tx, "share", "in", host=stored["host"], account=account, who=stored["sender"], verified=stored["verified"],
        subject=received_id, reason=trust,
    )  # fmt: skip
    row = get(tx, received_id)
    inform(tx, row, news.OFFERED)
    return row


def get(tx: Tx, received_id: str, *, account: str | None = None) -> Row:
    """A received share, if it is that person's. Raises `NotFound`."""
    row = tx.one(_BY_ID, {"received": received_id})
    if row is None or row.state == REMOVED or account not in (None, row.account):
        raise NotFound("There is no such share.")
    return row


def listing(tx: Tx, account: str | None = None, *, host: str | None = None) -> list[Row]:
    """What was shared with a person, newest first, without what they removed; everybody's, and of one server."""
    query = _WITH_SENDER.where(received.c.state != REMOVED)
    if account is not None:
        query = query.where(received.c.account == account)
    if host is not None:
        query = query.where(received.c.host == host)
    return list(tx.all(query.order_by(received.c.created.desc(), received.c.id)))


def waiting(tx: Tx, account: str) -> int:
    """How many shares wait for the person's answer."""
    mine = received.c.account == account, received.c.state == PENDING
    row = tx.one(sa.select(sa.func.count().label("number")).where(*mine))
    return 0 if row is None else row.number


def accept(
    tx: Tx, received_id: str, *, account: str | None = None, exists: Callable[[str, str], bool] = lambda _a, _p: False
) -> Row:
    """The person takes the share: it appears in their tree, the sender is a contact and is told. Again is no error.

    `exists(account, path)` says whether a file of their own is in the way of a name.
    """
    row = get(tx, received_id, account=account)
    if row.state == ACCEPTED:
        return row
    changed = _change(tx, row, "accepted", path=free_path(tx, row.account, row.name, exists) if is_tree(row) else None)
    contacts.shared(tx, row.account, row.sender, name=row.sender_name)
    _tell(tx, row, SHARE_ACCEPTED)
    # Whether it is a file or a folder is seen only at the sender: Nextcloud says "file" for both.
    if is_tree(row):
        outbox.put(tx, host=row.host, kind=outbox.PROBE, subject=row.id)
    return changed


def decline(tx: Tx, received_id: str, *, account: str | None = None) -> Row:
    """The person does not want the share, or leaves it: it is gone at once and the sender is told."""
    row = get(tx, received_id, account=account)
    if row.verified == LINK:
        return _drop(tx, row)
    if row.state == DECLINED:
        return row
    changed = _change(tx, row, "declined", path=None)
    _tell(tx, row, SHARE_DECLINED)
    return changed


def remove(tx: Tx, received_id: str, *, account: str | None = None) -> None:
    """The person (without `account`: somebody else) takes it off their list; a sender who counts on us is told."""
    row = get(tx, received_id, account=account)
    if row.verified == LINK:
        _drop(tx, row)
        return
    if row.state in OPEN:
        _tell(tx, row, SHARE_DECLINED)
    if account is None:
        passing_on.ended(tx, row.id, by_person=False)
    _change(tx, row, "removed", path=None)


def path_removed(tx: Tx, account: str, path: str, *, by_owner: bool = True) -> None:
    """A folder of their own is gone, and with it what was mounted in it: that is left.

    Where somebody else removed it, who may write there, the person is told.
    """
    mounted = sa.select(received).where(received.c.account == account, at_or_below(received.c.path, path))
    for row in tx.all(mounted):
        decline(tx, row.id)
        if not by_owner:
            inform(tx, row, news.LOST)


def unshared(tx: Tx, row: Row, event: str = news.ENDED) -> None:
    """The sender has ended it, and the person is told of `event`; said twice it changes nothing.

    Of a share for a group each row ends by itself.
    """
    if row.state in OPEN:
        outbox.drop(tx, row.id)
        _change(tx, row, "unshared", path=None)
        inform(tx, row, event)


def changed(
    tx: Tx, row: Row, permissions: frozenset[str] | None, expiration: int | None, *, said: int | None = None
) -> Row:
    """The sender says what may be done with it from now on, and until when; `permissions` None: as before.

    All of this is for display; only the sender decides. Of a share that has ended nothing changes, but for one that
    had expired and has not: the person is asked again. `said` is when that was signed: what comes after something
    newer was on its way for too long, and counts no more.
    """
    if said is not None and row.said is not None and said < row.said:
        return row
    if said is not None:
        tx.run(received.update().where(received.c.id == row.id).values(said=said))
    granted = row.permissions if permissions is None else sorted(permissions)
    if (granted, expiration) == (row.permissions, row.expiration):
        return row
    lasts = expiration is None or expiration > tx.now
    if (row.state, "changed") not in TRANSITIONS or (row.state == EXPIRED and not lasts):
        return row
    if row.state == ACCEPTED and is_tree(row):  # what was last seen of it says what one may, too
        outbox.put(tx, host=row.host, kind=outbox.PROBE, subject=row.id)
    inform(tx, row, news.OFFERED if row.state == EXPIRED else news.CHANGED)
    after = _change(tx, row, "changed", permissions=granted, expiration=expiration)
    passing_on.changed(tx, row.id, bounds.of_received(after))
    return after


def missing(tx: Tx, received_id: str) -> None:
    """The sender's server says of the share's own address that nothing is there: it is looked at again in a while.

    OpenCloud, CERNBox and others take a share back without a word. But a server that is being restored says the same.
    """
    row = get(tx, received_id)
    if row.state == ACCEPTED and not outbox.waits(tx, outbox.CONFIRM, row.id):
        outbox.put(tx, host=row.host, kind=outbox.CONFIRM, subject=row.id, after=CONFIRM_AFTER)


def gone(tx: Tx, received_id: str) -> None:
    """It is confirmed that the share is not there any more, while its server is well: it has ended."""
    reason = Sentence("Its own address says that it is not there any more.")
    for row in together(tx, get(tx, received_id)):
        unshared(tx, row, news.LINK_GONE if row.verified == LINK else news.GONE)
        audit.record(tx, "share", "in", host=row.host, account=row.account, subject=row.id, reason=reason)


def expire(tx: Tx) -> None:
    """Ends the shares whose time has come, also while the sender is away."""
    for row in tx.all(sa.select(received).where(received.c.state.in_(OPEN), received.c.expiration <= tx.now)):
        _change(tx, row, "expired", path=None)
        inform(tx, row, news.EXPIRED)


def inform(tx: Tx, row: Row, event: str) -> None:
    """The person is told what became of it."""
    news.tell(tx, row.account, event, subject=row.id, who=row.sender, who_name=row.sender_name, name=row.name)


def mounted_over(tx: Tx, account: str, path: str) -> Row | None:
    """The share that a path of the person's tree belongs to; None for their own."""
    mounted = tx.all(_WITH_SENDER.where(received.c.account == account, received.c.path.is_not(None)))
    return max((row for row in mounted if inside(path, row.path)), key=lambda row: len(row.path), default=None)


def told_by(tx: Tx, host: str, provider_id: str) -> Row | None:
    """The share that a host calls by its providerId; the newest of several."""
    query = _OFFERED.where(received.c.host == host, received.c.provider_id == provider_id)
    return tx.one(query.order_by(received.c.created.desc(), received.c.id).limit(1))


def with_secret(tx: Tx, provider_id: str, secret: str) -> Row | None:
    """The share that an unsigned message means: the one with that secret."""
    for row in tx.all(_OFFERED.where(received.c.provider_id == provider_id)):
        if hmac.compare_digest(row.secret.encode(), secret.encode()):
            return row
    return None


def is_tree(row: Row) -> bool:
    """Whether there are files in it, which are among the person's own once it is accepted."""
    return bool({"webdav", "datatx"} & set(row.protocols))


def free_path(tx: Tx, account: str, name: str, exists: Callable[[str, str], bool]) -> str:
    """`Shares/<name>`, with a number behind the name where that is taken."""
    query = sa.select(received.c.path).where(received.c.account == account, received.c.path.is_not(None))
    taken = {path.casefold() for (path,) in tx.all(query)}
    number, path = 1, join(FOLDER, name)
    while path.casefold() in taken or exists(account, path):
        number += 1
        path = join(FOLDER, numbered(name, number))
    return path


def _drop(tx: Tx, row: Row) -> Row:
    """What was taken from a link is left."""
    outbox.drop(tx, row.id)
    changed = _change(tx, row, "removed", path=None)
    tx.run(received.delete().where(received.c.id == row.id))
    return changed


def _tell(tx: Tx, row: Row, kind: str) -> None:
    if any(each.id != row.id and each.state in _SPOKEN_FOR[kind] for each in together(tx, row)):
        return
    message = outbox.notification(kind, row.resource_type, row.provider_id, row.secret)
    outbox.put(tx, host=row.host, kind=outbox.NOTIFICATION, subject=row.id, message=message)


def _change(tx: Tx, row: Row, event: str, **values: Any) -> Row:
    state = TRANSITIONS.get((row.state, event))
    if state is None:
        raise Conflict("A share that is {state} cannot be {event}.", state=Sentence(row.state), event=Sentence(event))
    tx.run(received.update().where(received.c.id == row.id).values(state=state, changed=tx.now, **values))
    if event != "changed":
        news.settled(tx, row.account, row.id)
    if row.path is not None and values.get("path", row.path) is None:  # what another puts there is something else
        properties.forget(tx, row.account, row.path)
        locks.forget(tx, row.account, row.path)
    if row.state == ACCEPTED and state != ACCEPTED:
        passing_on.ended(tx, row.id, by_person=event in ("declined", "removed"))
    changed = tx.one(_BY_ID, {"received": row.id})
    assert changed is not None
    return changed
