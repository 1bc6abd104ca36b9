"""What our people ask people elsewhere for (IETF-OCM, "Request for a Share"): sent once, answered by a share or not.

The protocol knows no answer but a share, and none that says which request it answers. So a share from the one who was
asked counts as the answer to the request that names it; or, where what was asked for has no name of a file (an id, the
token of a link), to the only one that waits.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound, TooManyRequests
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.server import audit, news, outbox, policy
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import asked

WAITING, DELIVERED, REFUSED, ANSWERED = "waiting", "delivered", "refused", "answered"

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (WAITING, "delivered"): DELIVERED,
    (WAITING, "refused"): REFUSED,
    (WAITING, "answered"): ANSWERED,  # before our message got through, or its answer to us
    (REFUSED, "retried"): WAITING,  # the operator has it sent again
    (DELIVERED, "answered"): ANSWERED,
    (REFUSED, "answered"): ANSWERED,  # their server knows no such requests, and they heard of it in another way
}
OPEN = (WAITING, DELIVERED)

MAX_OPEN = 100  # of one person

Row = sa.Row[Any]


def ask(tx: Tx, account: str, wanted: ShareRequest) -> Row:
    """A person asks somebody elsewhere for something. Asked again while that waits, nothing changes.

    `wanted.share_with` is the person's own address. Raises `Invalid` for a request to themselves, `Denied` by the
    policy, `TooManyRequests`.
    """
    owner = str(wanted.owner)
    if wanted.owner == wanted.share_with:
        raise Invalid("This is your own address.", fields=[FieldError("owner", "INVALID")])
    policy.admit(tx, "request", "out", wanted.owner.host, account=account, address=owner)
    waiting = list(tx.all(sa.select(asked).where(asked.c.account == account, asked.c.state.in_(OPEN))))
    for row in waiting:
        if (row.owner, row.share) == (owner, wanted.share):
            return row
    if len(waiting) >= MAX_OPEN:
        raise TooManyRequests("You have asked for so much already. Take something off the list first.")
    asked_id = tx.id()
    values = {"id": asked_id, "account": account, "host": wanted.owner.host, "owner": owner, "share": wanted.share}
    tx.run(asked.insert().values(**values, state=WAITING, created=tx.now, changed=tx.now))
    message: dict[str, Any] = wanted.encode()
    outbox.put(tx, host=wanted.owner.host, kind=outbox.REQUEST, subject=asked_id, message=message)
    return get(tx, asked_id)


def get(tx: Tx, asked_id: str, *, account: str | None = None) -> Row:
    """Something that a person asked for, if it is theirs. Raises `NotFound`."""
    query = sa.select(asked).where(asked.c.id == asked_id)
    row = tx.one(query if account is None else query.where(asked.c.account == account))
    if row is None:
        raise NotFound("There is no such request.")
    return row


def listing(tx: Tx, account: str) -> list[Row]:
    """What a person asked for, newest first."""
    query = sa.select(asked).where(asked.c.account == account)
    return list(tx.all(query.order_by(asked.c.created.desc(), asked.c.id)))


def remove(tx: Tx, asked_id: str, *, account: str | None = None) -> None:
    """The person takes it off their list; what was not sent yet never is. Raises `NotFound`."""
    row = get(tx, asked_id, account=account)
    outbox.drop(tx, row.id)
    tx.run(asked.delete().where(asked.c.id == row.id))


def delivered(tx: Tx, asked_id: str) -> None:
    """Their server has taken it."""
    row = get(tx, asked_id)
    if row.state == WAITING:  # else the share was here before
        _change(tx, row, "delivered", error=None)


def not_delivered(tx: Tx, asked_id: str, reason: str, *, final: bool) -> None:
    """It could not be told to their server; `final` when it will not be tried again."""
    row = get(tx, asked_id)
    if row.state == WAITING and final:
        _change(tx, row, "refused", error=reason)
        news.tell(tx, row.account, news.REFUSED, subject=row.id, who=row.owner, name=name_of(row.share))
    elif row.state == WAITING:
        tx.run(asked.update().where(asked.c.id == asked_id).values(error=reason))


def try_again(tx: Tx, asked_id: str) -> None:
    """A request that could not be told is told after all. Raises `NotFound`."""
    row = get(tx, asked_id)
    if row.state == REFUSED:
        _change(tx, row, "retried", error=None)
        news.take_back(tx, row.account, news.REFUSED, row.id)


def answered(tx: Tx, share: Row) -> None:
    """A share has come, a row of `received`: it may be what its recipient has asked for. Again it changes nothing."""
    if tx.one(sa.select(asked.c.id).where(asked.c.received == share.id)):
        return
    theirs = {Address.parse(address).person for address in (share.owner, share.sender)}
    query = sa.select(asked).where(asked.c.account == share.account, asked.c.host == share.host)
    waiting = [
        row
        for row in tx.all(query.where(asked.c.state != ANSWERED).order_by(asked.c.created, asked.c.id))
        if Address.parse(row.owner).person in theirs
    ]
    named = [row for row in waiting if name_of(row.share) == share.name]
    still_open = [row for row in waiting if row.state in OPEN]
    only = still_open if len(still_open) == 1 and "." not in name_of(still_open[0].share) else []
    for row in named[:1] or only:
        outbox.drop(tx, row.id)
        _change(tx, row, "answered", error=None, received=share.id)
        for event in (news.OFFERED, news.ADDED):  # the same in other words
            news.take_back(tx, row.account, event, share.id)
        who = {"who": share.sender, "who_name": share.sender_name}
        news.tell(tx, row.account, news.GRANTED, subject=share.id, name=share.name, **who)


def refuse_host(tx: Tx, host: str, reason: str) -> None:
    """Nothing comes from a server any more."""
    for row in tx.all(sa.select(asked).where(asked.c.host == host, asked.c.state == WAITING)):
        _change(tx, row, "refused", error=reason)
        news.tell(tx, row.account, news.ASKED_CUT, subject=row.id, who=row.owner, name=name_of(row.share))


def name_of(share: str) -> str:
    """What somebody would call it that was asked for: the last part of a URL, or all of an id."""
    text = share.partition("?")[0].partition("#")[0].rstrip("/")
    return unquote(text.rpartition("/")[2]) or share


def _change(tx: Tx, row: Row, event: str, **values: Any) -> None:
    state = TRANSITIONS.get((row.state, event))
    if state is None:
        raise Conflict("A request that is {state} cannot be {event}.", state=Sentence(row.state), event=Sentence(event))
    tx.run(asked.update().where(asked.c.id == row.id).values(state=state, changed=tx.now, **values))
    if event == "answered":
        audit.record(
            tx, "request", "in", host=row.host, account=row.account, who=row.owner, subject=row.id, reason=event
        )
