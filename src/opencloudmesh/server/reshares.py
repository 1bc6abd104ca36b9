"""Sharing on what one was given: at the owner's server somebody elsewhere asks for it, at ours one of our people does.

The owner's server is asked first (`REQUEST_RESHARE`): there the owner sees everybody who has it, and can end each.
Where it cannot be asked or refuses, and for a part of what was received, ours gives a share of its own that leads
through the received one (`proxies`). Neither is ever wider than what it passes on (`bounds`), and both end with it
(`shares`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, Forbidden, NotFound, TooManyRequests
from opencloudmesh.protocol.protocols import SHARE
from opencloudmesh.protocol.reshares import ReshareAnswer, ReshareRequest
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, bounds, news, notices, outbox, peers, policy, received, schema, shares
from opencloudmesh.server.accounts import USER
from opencloudmesh.server.bounds import TO_READ, Terms
from opencloudmesh.server.database import Tx

MAX_CHILDREN = 100  # reshares of one share that are in force
MAX_DEPTH = 8  # hands through which something has gone

NOT_ON = "Its owner does not let it be shared on."

Row = sa.Row[Any]


def grant(tx: Tx, parent: Row, request: ReshareRequest, *, own_host: str, verified: str = "") -> Row:
    """Somebody elsewhere has `parent`, and their server asks ours to share it on. Asked again, it is the same share.

    Raises `NotFound` for a share that has ended, `Forbidden` without the permission, `Denied` by the policy, `Invalid`
    for more than they have, `Conflict` for somebody who has it already, `TooManyRequests`.
    """
    shares.live(tx, parent)
    if SHARE not in parent.permissions:
        raise Forbidden(NOT_ON)
    address = request.share_with
    same = tx.one(_children(parent).where(schema.shares.c.share_with == str(address)).limit(1))
    if same is not None:
        return same
    made = (schema.shares.c.parent == parent.id, schema.shares.c.sender_id == request.sender_id)
    if tx.one(sa.select(schema.shares.c.id).where(*made).limit(1)) is not None:
        raise Conflict("It was shared on, and that has ended already.")  # a message that came twice does not undo it
    for who in (Address(parent.owner, own_host), Address.parse(parent.share_with)):
        _refuse_back(address, who)
    _refuse_too_many(tx, parent)
    policy.admit(tx, "share", "out", parent.host, account=parent.owner, address=parent.share_with)
    limits = bounds.of_share(parent)
    permissions = limits.permissions if request.permissions is None else request.permissions
    columns = {"parent": parent.id, "shared_by": parent.share_with, "sender_id": request.sender_id}
    row = shares.offer(
        tx,
        owner=parent.owner,
        path=parent.path,
        resource_type=parent.resource_type,
        share_with=address,
        terms=Terms(permissions, request.description, request.expiration),
        source=bounds.Source(limits, columns),
    )
    name = parent.path.rpartition("/")[2]
    news.tell(tx, row.owner, news.SHARED_ON, subject=row.id, who=parent.share_with, name=name)
    audit.record(
        tx, "share", "in", host=parent.host, account=row.owner, who=parent.share_with, verified=verified,
        subject=row.id, reason=Sentence("shared on with {address}", address=address),
    )  # fmt: skip
    return row


def pass_on(
    tx: Tx,
    *,
    owner: str,
    path: str,
    resource_type: str,
    share_with: Address,
    share_type: str = USER,
    terms: Terms = TO_READ,
    own_host: str,
) -> Row:
    """One of our people shares on what they received, or a part of it.

    Raises `NotFound` where nothing that they received is at that path, `Forbidden` without the permission, `Conflict`
    for somebody who has it already, and what `shares.offer` raises.
    """
    given = received.mounted_over(tx, owner, path)
    if given is None:
        raise NotFound("There is no such file or folder.")
    limits = bounds.of_received(given)
    if SHARE not in limits.permissions:
        raise Forbidden(NOT_ON)
    theirs = [Address.parse(text) for text in (given.owner, given.sender, given.shared_by) if text]
    for who in (Address(owner, own_host), *theirs):
        _refuse_back(share_with, who)
    policy.refuse_denied(tx, "share", given.host, "out")
    askable = path == given.path and share_type == USER and not terms.mfa  # the request has no words for the others
    return shares.offer(
        tx,
        owner=owner,
        path=path,
        resource_type=resource_type,
        share_with=share_with,
        share_type=share_type,
        terms=terms,
        source=bounds.Source(limits, {"received": given.id}, ask=given.host if askable else ""),
    )


def granted(tx: Tx, share_id: str, answer: ReshareAnswer) -> None:
    """The owner's server has shared it on. What is more than our person wanted, or too late, is undone there."""
    row = shares.get(tx, share_id)
    given = received.get(tx, row.received)
    at_owner = {"host": given.host, "provider_id": answer.provider_id, "secret": answer.secret}
    if row.state == shares.PENDING and _as_wanted(row, given, answer):
        shares.passed_on(tx, share_id, at_owner)
        return
    tx.run(schema.shares.update().where(schema.shares.c.id == share_id).values(at_owner=at_owner))
    notices.undone(tx, shares.get(tx, share_id))
    tx.run(schema.shares.update().where(schema.shares.c.id == share_id).values(at_owner=None))
    not_granted(tx, share_id)


def regranted(tx: Tx, row: Row, permissions: frozenset[str], expiration: int | None, *, said: int | None) -> Row:
    """The owner's server says what it gives from now on. `said` is when it signed that, as in `received.changed`."""
    before = row.at_owner.get("said")
    if row.state != shares.PASSED_ON or (None not in (said, before) and said < before):
        return row
    granted, ends = bounds.over(tx, row).narrowed(permissions, expiration)
    values = {"permissions": granted, "expiration": ends, "at_owner": {**row.at_owner, "said": said or before}}
    tx.run(schema.shares.update().where(schema.shares.c.id == row.id).values(changed=tx.now, **values))
    return shares.get(tx, row.id)


def try_again(tx: Tx, share_id: str) -> None:
    """A share that could not be told is told after all; one that was shared on, as far as it may be by now.

    Raises `NotFound`, `Conflict`.
    """
    row = shares.get(tx, share_id)
    if row.state == shares.FAILED and row.parent:  # and who did so knows that
        raise Conflict("It was shared on: it has to be shared on anew.")
    if row.state == shares.FAILED and row.received:
        given = received.get(tx, row.received)
        limits = bounds.of_received(given)
        if given.state != received.ACCEPTED or SHARE not in limits.permissions:
            raise Conflict(NOT_ON)
        shares.narrow(tx, row, limits)
    shares.try_again(tx, share_id)


def send_again(tx: Tx, share_id: str, *, owner: str) -> Row:
    """Their server is told now what it could not be told so far. Raises `NotFound`, `Conflict`."""
    row = shares.get(tx, share_id, owner=owner)
    messages = outbox.late(tx, [share_id])
    if not messages:
        raise Conflict("There is nothing that their cloud could not be told.")
    if row.state == shares.FAILED:
        try_again(tx, share_id)
    for message in messages:
        outbox.retry(tx, message)
        peers.ask_again(tx, message.host)
    return shares.get(tx, share_id)


def not_granted(tx: Tx, share_id: str) -> None:
    """The owner's server does not do it: ours gives a share that leads through the received one."""
    row = shares.get(tx, share_id)
    if row.state == shares.PENDING:
        outbox.put(tx, host=row.host, kind=outbox.SHARE, subject=share_id)


def _as_wanted(row: Row, given: Row, answer: ReshareAnswer) -> bool:
    """Where the server does not say what it has granted, it is all that our person has themselves."""
    if answer.permissions is None:
        limits = bounds.of_received(given)
        return (limits.permissions, limits.expiration) == (frozenset(row.permissions), row.expiration)
    ends, last = answer.expiration, row.expiration
    return answer.permissions <= frozenset(row.permissions) and (last is None or (ends is not None and ends <= last))


def _children(parent: Row) -> sa.Select[Any]:
    return sa.select(schema.shares).where(
        schema.shares.c.parent == parent.id, schema.shares.c.state.in_(shares.IN_FORCE)
    )


def _refuse_back(address: Address, who: Address) -> None:
    """However their servers spell them. Raises `Conflict`."""
    if (address.host, address.person) == (who.host, who.person):
        raise Conflict("{address} has it already: nothing is shared back to where it came from.", address=address)


def _refuse_too_many(tx: Tx, parent: Row) -> None:
    """A peer could make us write to as many others as it likes. Raises `TooManyRequests`."""
    if len(tx.all(_children(parent).limit(MAX_CHILDREN))) == MAX_CHILDREN:
        raise TooManyRequests("It has been shared on too often already.")
    above, depth = parent, 1
    while above.parent is not None:
        above, depth = shares.get(tx, above.parent), depth + 1
    if depth >= MAX_DEPTH:
        raise TooManyRequests("It has gone through too many hands already.")
