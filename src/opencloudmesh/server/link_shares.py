"""What visitors of a link take to their own cloud: a share with the address that they typed (public link flow).

Anybody can type anybody's address. So nobody's server is made to hear of anything that the link itself does not give,
how much goes out unanswered is bounded for a link, for an address and for a server, and the answer says nothing of
what became of it: neither who has it already, nor whom the owner has blocked, nor who there is elsewhere.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import FieldError, Forbidden, Invalid, TooManyRequests
from opencloudmesh.protocol.protocols import READ
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, contacts, links, news, policy, reports, shares
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import shares as table
from opencloudmesh.server.share_requests import MAX_ADDRESS, TYPED

# Shares taken by links that nobody has answered yet: by one link, and by all links with one address, at one server.
OF_LINK, OF_ADDRESS, OF_HOST = 100, 5, 200
UNANSWERED = (shares.PENDING, shares.SENT)
DAY = 86_400  # seconds for which one that did not arrive at an address counts there as these do
# After these a visitor may try again; where the owner, or whoever it was for, has ended it, it stays ended.
AGAIN = (shares.FAILED, shares.EXPIRED)

Row = sa.Row[Any]


def take(tx: Tx, link: Row, address: Address, *, own_host: str) -> None:
    """A visitor takes what is behind a link to their own cloud. Taken again to the same address, nothing changes.

    Raises `Forbidden` for a link that shows nothing, `Invalid` for an address that is too long or at this very cloud,
    `Denied` where the policy lets nobody share with that server, `TooManyRequests`.
    """
    if READ not in links.MODES[link.mode]:
        raise Forbidden("What is behind this link cannot be taken to another cloud.")
    text = str(address)
    if len(text) > MAX_ADDRESS:
        raise Invalid("The address is too long.", fields=[FieldError("address", "TOO_LONG")])
    if address.host == own_host:
        raise Invalid("This address is at this very cloud.", fields=[FieldError("address", "INVALID")])
    _admit(tx, link, address)
    if _is_known(tx, link, text) or contacts.standing(tx, link.account, text).blocked:
        return
    _slow_down(tx, link, address)
    share = shares.offer(
        tx,
        owner=link.account,
        path=link.path,
        resource_type=link.resource_type,
        share_with=address,
        terms=Terms(frozenset(link.permissions), link.description, link.expiration),
        link=link.id,
    )
    reports.inform(tx, share, news.TAKEN)
    audit.record(
        tx, "share", "here", host=address.host, account=link.account, who=text, verified=TYPED, subject=share.id,
        reason=Sentence("A visitor of a link took it to this address."),
    )  # fmt: skip


def _admit(tx: Tx, link: Row, address: Address) -> None:
    """Raises `Denied`. An answer that depended on whom the owner knows would tell strangers."""
    decision = policy.decide(tx, "out", address.host, account="", address="")
    if decision.trust is None:
        reason = Sentence("This cloud does not share with {host} by a link.", host=address.host)
        raise policy.Denied(reason, "share", "out", host=address.host, account=link.account, who=str(address))


def _is_known(tx: Tx, link: Row, address: str) -> bool:
    """Whether it is shared with that address, or was by this link and was ended by one of the two."""
    theirs = sa.and_(table.c.owner == link.account, table.c.path == link.path, table.c.share_with == address)
    ours = sa.or_(table.c.state.in_(shares.LIVE), sa.and_(table.c.link == link.id, table.c.state.not_in(AGAIN)))
    return tx.one(sa.select(table.c.id).where(theirs, ours).limit(1)) is not None


def _slow_down(tx: Tx, link: Row, address: Address) -> None:
    """Raises `TooManyRequests` where too much that links sent is unanswered, or did not arrive at that address."""
    unanswered = table.c.state.in_(UNANSWERED)
    failed = sa.and_(table.c.state == shares.FAILED, table.c.changed > tx.now - DAY)
    bounds = (
        (sa.and_(table.c.link == link.id, unanswered), OF_LINK),
        (sa.and_(table.c.share_with == str(address), sa.or_(unanswered, failed)), OF_ADDRESS),
        (sa.and_(table.c.host == address.host, unanswered), OF_HOST),
    )
    for which, limit in bounds:
        row = tx.one(sa.select(sa.func.count().label("number")).where(which, table.c.link.is_not(None)))
        if row is not None and row.number >= limit:
            raise TooManyRequests("Too many have taken it who have not answered yet. Try again later.")
