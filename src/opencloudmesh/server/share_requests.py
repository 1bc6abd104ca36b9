"""People elsewhere who ask one of ours for a share, whose owner decides.

By a link (IETF-OCM, "Public Invite Flow"): anybody can type anybody's address there. So nothing is sent to an address,
and its server is not even looked at, before the owner has granted the request; and nobody learns from the answer who
has asked before.

By their server (IETF-OCM, "Request for a Share"), which signs: they name a share, a link or a file. Ids and tokens
cannot be guessed, and one that is not the owner's is not found. Paths can be guessed: what names one is taken whether
or not there is such a file, so that nobody can ask what somebody has.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa

from opencloudmesh.protocol.address import Address, normalise_host
from opencloudmesh.protocol.errors import Conflict, FieldError, Invalid, NotFound, TooManyRequests
from opencloudmesh.protocol.protocols import READ
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.server import accounts, audit, links, news, policy, shares
from opencloudmesh.server.bounds import Terms
from opencloudmesh.server.database import Tx
from opencloudmesh.server.schema import requests
from opencloudmesh.server.subtrees import at_or_below
from opencloudmesh.server.trees import clean_path, join

OPEN, GRANTED, REFUSED = "open", "granted", "refused"

# (state, what happens) -> state. What is not here is refused.
TRANSITIONS = {
    (OPEN, "granted"): GRANTED,
    (OPEN, "refused"): REFUSED,
    (REFUSED, "granted"): GRANTED,  # the owner thought again; whoever was refused cannot ask again
}

TYPED = "typed"  # how the one who asks is known: not at all, somebody typed the address
MAX_OPEN = 1_000  # requests of one link that wait for an answer, or of one person without any
OF_SERVER, OF_ASKER = 200, 20  # of those without a link: from one server, and from one person there
MAX_ADDRESS = 512  # characters; OpenCloud's, which are the longest, have less than 200

# What a URL of ours may begin with that names something: the rest is a token, a share's id, or a path of the owner's.
OF_LINK, OF_SHARE = ("/ask/", "/s/"), ("/dav/ocm/",)
OF_FILE = ("/files/", "/look/", "/download/", "/content/", "/archive/", "/share/", "/link/")
OF_PERSON = "/dav/files/"

Row = sa.Row[Any]


class Wish(NamedTuple):
    """What somebody asks for: a path of the owner's, and the link by which they know of it."""

    path: str
    link: str | None = None


def ask(tx: Tx, link: Row, address: Address, *, own_host: str) -> None:
    """A visitor asks for what is behind a link. Asked again for the same address, nothing changes.

    Raises `Invalid` for an address that is too long, `TooManyRequests` where too many wait for an answer already,
    whether or not this one is among them.
    """
    _check_length(address, "address")
    _check_room(tx, {MAX_OPEN: requests.c.link == link.id})
    if address == Address(link.account, own_host):
        return  # the owner has it; saying so would tell strangers how they are called
    _store(tx, link.account, Wish(link.path, link.id), address, TYPED)


def receive(tx: Tx, request: ShareRequest, *, own_host: str, verified: str) -> None:
    """The server of somebody elsewhere asks for them. Asked again, nothing changes, whatever the answer was.

    `verified` is how that server is known. Raises `Denied` by the policy, `NotFound` in the same words for a person
    that is not here and for what is not theirs, `TooManyRequests` where too many wait for an answer already.
    """
    address, owner = request.share_with, request.owner
    _check_length(address, "shareWith")
    account = accounts.find(tx, owner.identifier) or accounts.find(tx, owner.local)
    known = account.id if account is not None and owner.host == own_host else ""
    policy.admit(tx, "request", "in", address.host, account=known, address=str(address), verified=verified)
    wish = _wish(tx, known, request.share, own_host) if known else None
    if wish is None:
        raise NotFound("There is no such resource here, or it is somebody else's.")
    if wish.link is not None:
        _check_room(tx, {MAX_OPEN: requests.c.link == wish.link})
    else:
        theirs = sa.and_(requests.c.account == known, requests.c.link.is_(None))
        from_server = sa.and_(theirs, requests.c.host == address.host)
        of_asker = sa.and_(theirs, requests.c.address == str(address))
        _check_room(tx, {MAX_OPEN: theirs, OF_SERVER: from_server, OF_ASKER: of_asker})
        if _is_answered(tx, known, wish.path, address):
            return
    if address != Address(known, own_host):
        _store(tx, known, wish, address, verified)


def get(tx: Tx, request_id: str, *, account: str | None = None) -> Row:
    """A request, if it is for that person to answer. Raises `NotFound`."""
    query = sa.select(requests).where(requests.c.id == request_id)
    row = tx.one(query if account is None else query.where(requests.c.account == account))
    if row is None:
        raise NotFound("There is no such request.")
    return row


def listing(tx: Tx, account: str) -> list[Row]:
    """Who asked a person for something, newest first."""
    query = sa.select(requests).where(requests.c.account == account)
    return list(tx.all(query.order_by(requests.c.created.desc(), requests.c.id)))


def waiting(tx: Tx, account: str) -> int:
    """How many requests wait for the person's answer."""
    query = sa.select(sa.func.count().label("number")).where(requests.c.account == account, requests.c.state == OPEN)
    row = tx.one(query)
    return 0 if row is None else row.number


def grant(
    tx: Tx,
    request_id: str,
    *,
    account: str | None = None,
    resource_type: str,
    permissions: frozenset[str] | None = None,
) -> Row:
    """The owner shares it with the one who asked. Again is no error, and shares nothing twice.

    `permissions` None: what the link says, and reading where there is none. Raises `NotFound`, and what `shares.offer`
    raises.
    """
    row = get(tx, request_id, account=account)
    if row.state == GRANTED:
        return row
    link = links.get(tx, row.link) if row.link else None
    said = frozenset(link.permissions) if link is not None else frozenset({READ})
    share = shares.offer(
        tx,
        owner=row.account,
        path=row.path,
        resource_type=resource_type,
        share_with=Address.parse(row.address),
        terms=Terms(said if permissions is None else permissions, link.description if link is not None else ""),
    )
    return _change(tx, row, "granted", share=share.id)


def refuse(tx: Tx, request_id: str, *, account: str | None = None) -> Row:
    """The owner does not want to; nobody is told. Again is no error. Raises `NotFound`, `Conflict`."""
    row = get(tx, request_id, account=account)
    return row if row.state == REFUSED else _change(tx, row, "refused")


def refuse_host(tx: Tx, host: str) -> int:
    """Everybody refuses what people of a server ask; how many requests those were."""
    rows = tx.all(sa.select(requests).where(requests.c.host == host, requests.c.state == OPEN))
    for row in rows:
        refuse(tx, row.id)
        _tell(tx, row, news.REQUEST_CUT)
    return len(rows)


def path_removed(tx: Tx, account: str, path: str) -> None:
    """A file or folder is gone: who asked for it, or for something below it, is forgotten."""
    of_it = requests.c.account == account, at_or_below(requests.c.path, path)
    for row in tx.all(sa.select(requests.c.id).where(*of_it)):
        news.settled(tx, account, row.id)
    tx.run(requests.delete().where(*of_it))


def _wish(tx: Tx, account: str, text: str, own_host: str) -> Wish | None:
    """What somebody means by a URL, an id or a token; None where it is nothing of that person's."""
    place = _place(text, own_host)
    if place is None:  # of another server
        return None
    for prefix in OF_LINK:
        if place.startswith(prefix):
            token, _, _ = place.removeprefix(prefix).partition("/")  # whatever of it they are looking at
            return _of_link(tx, account, token)
    for prefix in OF_SHARE:
        if place.startswith(prefix):
            share_id, _, below = place.removeprefix(prefix).partition("/")
            return _of_share(tx, account, share_id, below)
    theirs = (*OF_FILE, f"{OF_PERSON}{account}/")
    for prefix in theirs:
        if place.startswith(prefix):
            return _of_path(place.removeprefix(prefix))
    return None if place.startswith("/") else _of_share(tx, account, place) or _of_link(tx, account, place)


def _place(text: str, own_host: str) -> str | None:
    """The decoded path of a URL of ours; anything that is no URL as it is. None for a URL of another server."""
    if "://" not in text:
        return text.strip()
    try:
        parts = urlsplit(text.strip())
        ours = parts.scheme in ("http", "https") and normalise_host(parts.netloc) == own_host
        return unquote(parts.path, errors="strict") if ours else None
    except (ValueError, Invalid):
        return None


def _of_link(tx: Tx, account: str, token: str) -> Wish | None:
    try:
        link = links.opened_by(tx, token)
    except NotFound:
        return None
    return Wish(link.path, link.id) if link.account == account else None


def _of_share(tx: Tx, account: str, share_id: str, below: str = "") -> Wish | None:
    """What is or was shared by an id, with whomever: they know it from there."""
    try:
        share = shares.get(tx, share_id, owner=account)
        return Wish(join(share.path, clean_path(below)))
    except (NotFound, Invalid):
        return None


def _of_path(path: str) -> Wish | None:
    try:
        cleaned = clean_path(path)
    except Invalid:
        return None
    return Wish(cleaned) if cleaned else None


def _check_length(address: Address, field: str) -> None:
    if len(str(address)) > MAX_ADDRESS:
        raise Invalid("The address is too long.", fields=[FieldError(field, "TOO_LONG")])


def _check_room(tx: Tx, bounds: dict[int, sa.ColumnElement[bool]]) -> None:
    for most, which in bounds.items():
        row = tx.one(sa.select(sa.func.count().label("number")).where(which, requests.c.state == OPEN))
        if row is not None and row.number >= most:
            raise TooManyRequests("Too many people have asked already. Try again when some have their answer.")


def _is_answered(tx: Tx, account: str, path: str, address: Address) -> bool:
    """Whether they have asked for it and wait or were refused, or have it already."""
    asked = sa.select(requests.c.id).where(
        requests.c.account == account,
        requests.c.link.is_(None),
        requests.c.path == path,
        requests.c.address == str(address),
        requests.c.state.in_((OPEN, REFUSED)),
    )
    return tx.one(asked.limit(1)) is not None or shares.is_shared(tx, account, path, address)


def _store(tx: Tx, account: str, wish: Wish, address: Address, verified: str) -> None:
    request_id = tx.id()
    row = {
        "id": request_id,
        "account": account,
        "link": wish.link,
        "path": wish.path,
        "address": str(address),
        "host": address.host,
        "verified": verified,
        "state": OPEN,
        "created": tx.now,
    }
    if tx.insert_new(requests, row):
        stored = get(tx, request_id)
        _record(tx, stored, "in")
        _tell(tx, stored, news.REQUESTED)
    elif verified != TYPED:  # somebody typed the address at the link before; now its server says so
        same = sa.and_(requests.c.link == wish.link, requests.c.address == str(address))
        tx.run(requests.update().where(same, requests.c.verified == TYPED).values(verified=verified))


def _change(tx: Tx, row: Row, event: str, **values: Any) -> Row:
    state = TRANSITIONS.get((row.state, event))
    if state is None:
        raise Conflict("A request that is {state} cannot be {event}.", state=Sentence(row.state), event=Sentence(event))
    tx.run(requests.update().where(requests.c.id == row.id).values(state=state, **values))
    news.settled(tx, row.account, row.id)
    changed = get(tx, row.id)
    _record(tx, changed, "here", event)
    return changed


def _tell(tx: Tx, row: Row, event: str) -> None:
    news.tell(tx, row.account, event, subject=row.id, who=row.address, name=row.path.rpartition("/")[2])


def _record(tx: Tx, row: Row, direction: audit.Direction, reason: str = "") -> None:
    audit.record(
        tx,
        "request",
        direction,
        host=row.host,
        account=row.account,
        who=row.address,
        verified=row.verified,
        subject=row.id,
        reason=reason,
    )
