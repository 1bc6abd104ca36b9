"""What our users offer to people elsewhere: the life of an outgoing share.

The secret opens the resource while the share is in one of `LIVE`; permissions are evaluated here, on the owner's
side, at every access. Telling the peer is part of each change (outbox). A reshare is never wider than what it passes
on (`bounds`), and ends with it, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound
from opencloudmesh.protocol.notifications import SHARE_ACCEPTED, SHARE_DECLINED
from opencloudmesh.protocol.obligations import check_share_type
from opencloudmesh.protocol.protocols import MUST_USE_MFA, WRITE
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, bounds, contacts, locks, news, notices, outbox, peers, policy
from opencloudmesh.server.accounts import USER
from opencloudmesh.server.bounds import TO_READ, Bounds, Terms
from opencloudmesh.server.database import Tx
from opencloudmesh.server.reports import fails, inform, reached
from opencloudmesh.server.schema import shares, tokens
from opencloudmesh.server.subtrees import at_or_below

PENDING, SENT, ACCEPTED, DECLINED = "pending", "sent", "accepted", "declined"
FAILED, UNSHARED, EXPIRED = "failed", "unshared", "expired"
PASSED_ON = "passed-on"  # what they received is shared on by its owner's server, as ours asked

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (PENDING, "delivered"): SENT,
    (PENDING, "refused"): FAILED,
    # A peer may accept while our POST to it is still open (trusted senders at Nextcloud).
    (PENDING, "accepted"): ACCEPTED,
    (SENT, "accepted"): ACCEPTED,
    (PENDING, "declined"): DECLINED,
    (SENT, "declined"): DECLINED,
    (ACCEPTED, "declined"): DECLINED,  # the receiver left
    (PASSED_ON, "accepted"): PASSED_ON,  # its owner's server says so
    (PASSED_ON, "declined"): DECLINED,
    (FAILED, "retried"): PENDING,
    (PENDING, "passed on"): PASSED_ON,
    (PENDING, "changed"): PENDING,
    (SENT, "changed"): SENT,
    (ACCEPTED, "changed"): ACCEPTED,
    (FAILED, "changed"): FAILED,
    (PASSED_ON, "changed"): PASSED_ON,
    (PENDING, "unshared"): UNSHARED,
    (SENT, "unshared"): UNSHARED,
    (ACCEPTED, "unshared"): UNSHARED,
    (DECLINED, "unshared"): UNSHARED,
    (FAILED, "unshared"): UNSHARED,
    (EXPIRED, "unshared"): UNSHARED,
    (PASSED_ON, "unshared"): UNSHARED,
    (PENDING, "expired"): EXPIRED,
    (SENT, "expired"): EXPIRED,
    (ACCEPTED, "expired"): EXPIRED,
    (PASSED_ON, "expired"): EXPIRED,
}
LIVE = (PENDING, SENT, ACCEPTED)
IN_FORCE = (*LIVE, PASSED_ON)  # somebody has it, from here or from its owner's server

ANSWERS = {ACCEPTED: SHARE_ACCEPTED, DECLINED: SHARE_DECLINED}  # and how they are called between servers
_NEWS = {ACCEPTED: news.ACCEPTED, DECLINED: news.DECLINED}
# What is said of a share that ends with the one that it was shared on from, where that is not `news.UNDONE`.
_OF_CHILD = {None: None, news.MY_LOST: news.MY_LOST, news.MY_EXPIRED: news.MY_EXPIRED}

Row = sa.Row[Any]


class Keep(Enum):
    """What a change says of something that stays as it is, where None says something else."""

    KEEP = auto()


def offer(
    tx: Tx,
    *,
    owner: str,
    path: str,
    resource_type: str,
    share_with: Address,
    share_type: str = USER,
    terms: Terms = TO_READ,
    link: str | None = None,
    batch: str | None = None,
    source: bounds.Source = bounds.OWN,
) -> Row:
    """A person shares a file or folder with somebody, or a group. The peer is told as soon as the worker gets to it.

    `link` is the id of the link by which a visitor took it; with `terms.mfa`, only a server is told that promises that
    who opens it has passed a second factor. A reshare names its `source`, and ends with that at the latest. Raises
    `Invalid` naming the wrong fields, `Denied` by the policy, `Conflict` where it is shared with that person already,
    `Forbidden` for a group where it is known that the server takes none.
    """
    wrong = bounds.wrong_terms(tx, terms.permissions, terms.expiration, source.bounds)
    if not path:
        wrong.append(FieldError("path", "INVALID"))
    if wrong:
        raise Invalid("The share is not complete.", fields=wrong)
    _check_recipient(tx, owner, path, resource_type, share_with, share_type)
    granted, ends = source.bounds.narrowed(terms.permissions, terms.expiration)
    row = {
        "owner": owner,
        "path": path,
        "resource_type": resource_type,
        "share_with": str(share_with),
        "share_type": share_type,
        "host": share_with.host,
        "permissions": granted,
        "description": terms.description,
        "expiration": ends,
        "secret": tx.secret(),
        "state": PENDING,
        "link": link,
        "batch": batch,
        "requirements": sorted(source.bounds.requirements | ({MUST_USE_MFA} if terms.mfa else set())),
        **source.columns,
    }
    return _store(tx, row, source.ask)


def get(tx: Tx, share_id: str, *, owner: str | None = None) -> Row:
    """A share, if it is the owner's. Raises `NotFound`."""
    query = sa.select(shares).where(shares.c.id == share_id)
    row = tx.one(query if owner is None else query.where(shares.c.owner == owner))
    if row is None:
        raise NotFound("There is no such share.")
    return row


def is_shared(tx: Tx, owner: str, path: str, share_with: Address, share_type: str = USER) -> bool:
    """Whether that very file or folder is shared with that person, or that group."""
    with_them = (shares.c.share_with == str(share_with), shares.c.share_type == share_type)
    mine = (shares.c.owner == owner, shares.c.path == path, *with_them)
    return tx.one(sa.select(shares.c.id).where(*mine, shares.c.state.in_(IN_FORCE)).limit(1)) is not None


def listing(
    tx: Tx, owner: str | None = None, *, host: str | None = None, which: sa.ColumnElement[bool] | None = None
) -> list[Row]:
    """A person's shares, newest first, without those that they ended; for the operator everybody's, or a server's."""
    query = sa.select(shares).where(shares.c.state != UNSHARED)
    if owner is not None:
        query = query.where(shares.c.owner == owner)
    if host is not None:
        query = query.where(shares.c.host == host)
    if which is not None:
        query = query.where(which)
    return list(tx.all(query.order_by(shares.c.created.desc(), shares.c.id)))


def change(
    tx: Tx,
    share_id: str,
    *,
    owner: str | None = None,
    permissions: frozenset[str] | None = None,
    expiration: int | Keep | None = Keep.KEEP,
) -> Row:
    """The owner gives more or less, or sets another end; None: no end. It counts from the next access on.

    A peer that understands it is told, also of a share that it was told of while the owner changed it. What the owner's
    server gives as ours asked can only become less, where that server can be told so. Raises `Invalid` naming the
    wrong fields, `NotFound`, and `Conflict` for a share that has ended, or cannot be changed from here.
    """
    row = get(tx, share_id, owner=owner)
    given = frozenset(row.permissions) if permissions is None else permissions
    ends = row.expiration if isinstance(expiration, Keep) else expiration
    limits = bounds.of_share(row) if row.state == PASSED_ON else bounds.over(tx, row)
    ends = limits.expiration if ends is None else ends
    wrong = bounds.wrong_terms(tx, given, None if ends == row.expiration else ends, limits)
    if wrong:
        raise Invalid("The share cannot be changed so.", fields=wrong)
    granted = bounds.granted_by(given)
    if (granted, ends) == _terms(row):
        return row
    if row.state == PASSED_ON and not can_change(tx, row):
        raise Conflict("The cloud of its owner gives it as it is. You can stop sharing it, and share it on anew.")
    changed = _grant(tx, row, granted, ends)
    notices.regranted(tx, changed)
    return changed


def can_change(tx: Tx, row: Row) -> bool:
    """Whether there is anything about it that its owner can change."""
    return row.state in LIVE or (row.state == PASSED_ON and notices.can_give_less(tx, row.at_owner["host"]))


def narrow(tx: Tx, row: Row, limits: Bounds) -> None:
    """A reshare becomes as narrow as what it passes on."""
    granted, ends = limits.narrowed(row.permissions, row.expiration)
    if (granted, ends) == _terms(row):
        return
    if row.state == PASSED_ON:  # the owner's server has done the same; this is what our person sees of it
        tx.run(shares.update().where(shares.c.id == row.id).values(permissions=granted, expiration=ends))
    else:
        _grant(tx, row, granted, ends)


def unshare(tx: Tx, share_id: str, *, owner: str | None = None) -> Row:
    """The owner ends a share: its secret opens nothing from now on, and the peer is told. Raises `NotFound`."""
    row = get(tx, share_id, owner=owner)
    if row.state == UNSHARED:
        raise NotFound("There is no such share.")
    return end(tx, row)


def end(tx: Tx, row: Row, event: str = "unshared", *, told: str = "", says: str | None = None) -> Row:
    """A share ends, and with it all that were shared on from it; nothing happens to one that has ended so already.

    Every server concerned is told, but for `told`, from which we know it. `says` is what the owner reads of it, where
    it is not they who end it.
    """
    row = get(tx, row.id)  # it may have ended with another one
    if (row.state, event) not in TRANSITIONS:
        return row
    if row.state in LIVE:
        notices.ended(tx, row, answered=row.state != PENDING)
    if row.state in IN_FORCE:
        notices.undone(tx, row, told)
    ended = _change(tx, row, event, says=says, error=None)
    if says is not None and row.state in IN_FORCE:
        inform(tx, row, says)
    return ended


def path_removed(tx: Tx, owner: str, path: str, *, by_owner: bool = True) -> None:
    """A file or folder is gone: shares of it and of anything below it end, with a notice to the peers.

    Where it was not the owner who removed it, but somebody who may write there, the owner is told.
    """
    of_it = (shares.c.owner == owner, at_or_below(shares.c.path, path), shares.c.state.in_(IN_FORCE))
    for row in tx.all(sa.select(shares).where(*of_it)):
        end(tx, row, says=None if by_owner else news.MY_LOST)


def passed_on(tx: Tx, share_id: str, at_owner: dict[str, str]) -> Row:
    """The owner's server shares on what our person received, as it was asked to; `at_owner` is what it calls that."""
    return _change(tx, get(tx, share_id), "passed on", at_owner=at_owner, error=None)


def delivered(tx: Tx, share_id: str, recipient_name: str, *, told: Row | None = None) -> None:
    """The peer has taken the share; `told`: as it was when the message was written."""
    row = get(tx, share_id)
    if told is not None and row.state in LIVE and _terms(row) != _terms(told):
        notices.changed(tx, row)
    if row.failing_since is not None:
        reached(tx, row.id)
    values = {"recipient_name": recipient_name or row.recipient_name, "error": None}
    if row.state == PENDING:
        _change(tx, row, "delivered", **values)
    else:  # it was accepted, or ended here, while the POST was under way
        tx.run(shares.update().where(shares.c.id == share_id).values(**values))


def not_delivered(tx: Tx, share_id: str, reason: str, *, final: bool) -> None:
    """It could not be told to the peer; `final` when it will not be tried again."""
    row = get(tx, share_id)
    if row.state == PENDING and final:
        notices.undone(tx, _change(tx, row, "refused", error=reason))
        inform(tx, row, news.FAILED)
    elif row.state == PENDING:
        fails(tx, row, reason)


def not_told(tx: Tx, share_id: str, reason: str) -> None:
    """The peer, which has the share, could not be told of a change. Raises `NotFound`."""
    row = get(tx, share_id)
    if row.state in LIVE:
        fails(tx, row, reason)


def try_again(tx: Tx, share_id: str) -> None:
    """A share that could not be told is told after all (`reshares.try_again`). Raises `NotFound`, `Conflict`."""
    row = get(tx, share_id)
    if row.state != FAILED:
        return
    if is_shared(tx, row.owner, row.path, Address.parse(row.share_with)):
        raise Conflict("This is shared with {share_with} anew.", share_with=row.share_with)
    _change(tx, row, "retried", error=None)
    news.take_back(tx, row.owner, news.FAILED, row.id)


def answered(tx: Tx, row: Row, answer: str) -> None:
    """The Receiving Server says "accepted" or "declined"; said twice it changes nothing. Raises `Conflict`."""
    if row.state != answer:
        if row.failing_since is not None:
            reached(tx, row.id)
        notices.answered(tx, _change(tx, row, answer, says=news.UNDONE, error=None), ANSWERS[answer])
        inform(tx, row, news.LEFT if row.state == ACCEPTED else _NEWS[answer], once=row.state == PASSED_ON)
        if answer == ACCEPTED and row.share_type == USER:
            contacts.shared(tx, row.owner, row.share_with, name=row.recipient_name or "")


def expire(tx: Tx) -> None:
    """Ends the shares whose time has come."""
    for row in tx.all(sa.select(shares).where(shares.c.state.in_(IN_FORCE), shares.c.expiration <= tx.now)):
        end(tx, row, "expired", says=news.MY_EXPIRED)


def demand(tx: Tx, share_id: str, requirements: frozenset[str]) -> None:
    """What the peer's criteria or the person ask of every access; known only when the peer is about to be told."""
    tx.run(shares.update().where(shares.c.id == share_id).values(requirements=sorted(requirements)))


def live(tx: Tx, row: Row) -> Row:
    """The share, if it still gives access. Raises `NotFound`."""
    if row.state not in LIVE or (row.expiration is not None and row.expiration <= tx.now):
        raise NotFound("This share has ended.")
    return row


def principal(row: Row) -> str:
    """Whose the WebDAV locks are that are taken with a share's secret or token."""
    return f"share:{row.id}"


def _check_recipient(tx: Tx, owner: str, path: str, resource_type: str, share_with: Address, share_type: str) -> None:
    """Raises `Denied`, `Forbidden`, `Conflict`. Of a peer that is not known well enough the worker finds out."""
    policy.admit(tx, "share", "out", share_with.host, account=owner, address=str(share_with))
    peer = peers.document(tx, share_with.host)
    if peer is not None:
        check_share_type(peer, share_type, resource_type)
    if is_shared(tx, owner, path, share_with, share_type):
        raise Conflict("This is shared with {share_with} already.", share_with=share_with)


def _store(tx: Tx, row: dict[str, Any], ask: str) -> Row:
    share_id = tx.id()
    tx.run(shares.insert().values(id=share_id, **row, created=tx.now, changed=tx.now))
    kind = outbox.RESHARE if ask else outbox.SHARE
    outbox.put(tx, host=ask or row["host"], kind=kind, subject=share_id)
    return get(tx, share_id)


def _terms(row: Row) -> tuple[list[str], int | None]:
    return row.permissions, row.expiration


def _grant(tx: Tx, row: Row, granted: list[str], ends: int | None) -> Row:
    changed = _change(tx, row, "changed", permissions=granted, expiration=ends)
    if WRITE not in granted:
        locks.release_all(tx, row.owner, principal(row))
    reason = f"{', '.join(granted)}; until {'ever' if ends is None else ends}"
    audit.record(
        tx, "share", "here", host=row.host, account=row.owner, who=row.share_with, subject=row.id, reason=reason
    )
    if row.state in (SENT, ACCEPTED):  # else it is told of with what is in force then
        notices.changed(tx, changed)
    for child in _children(tx, row):
        narrow(tx, child, bounds.of_share(changed))
    return changed


def _children(tx: Tx, row: Row) -> Sequence[Row]:
    """The shares in force that were shared on from one."""
    return tx.all(sa.select(shares).where(shares.c.parent == row.id, shares.c.state.in_(IN_FORCE)))


def _change(tx: Tx, row: Row, event: str, *, says: str | None = None, **values: Any) -> Row:
    state = TRANSITIONS.get((row.state, event))
    if state is None:
        raise Conflict("A share that is {state} cannot be {event}.", state=Sentence(row.state), event=Sentence(event))
    if state not in LIVE:
        values["failing_since"] = None  # nothing is tried any more
    tx.run(shares.update().where(shares.c.id == row.id).values(state=state, changed=tx.now, **values))
    if state not in LIVE:
        news.settled(tx, row.owner, row.id)
        news.take_back(tx, row.owner, news.FAILING, row.id)
        tx.run(tokens.delete().where(tokens.c.share == row.id))
        locks.release_all(tx, row.owner, principal(row))
        for child in _children(tx, row):
            end(tx, child, "expired" if state == EXPIRED else "unshared", says=_OF_CHILD.get(says, news.UNDONE))
    return get(tx, row.id)
