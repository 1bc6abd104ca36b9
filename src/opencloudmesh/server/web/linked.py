"""Visitors of a link, whichever way they come: by its page, by WebDAV, or sent by their own cloud.

Who has the link is let in, with its password where it has one. The page remembers that in a cookie, which is made with
the stored hash as its key: so it can be made nowhere else, and ends with the password.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import accounts, link_shares, links
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.auth import PREFIX, visitor_of

HIDDEN = {"X-Robots-Tag": "noindex, nofollow"}  # a link is for those who were given it
REMEMBERED = 86_400  # seconds for which a browser is let in after the password

# Shares taken to other clouds within a minute: by one client by one link, by one client (the cloud of many people may
# be one), by one link, and to one server.
TAKEN_OF_CLIENT_BY_LINK, TAKEN_OF_CLIENT, TAKEN_BY_LINK, TAKEN_TO_HOST = 10, 60, 60, 60
# Files put by one client, and by one link, within a minute; and of the link at once.
PUT_OF_CLIENT, PUT_BY_LINK, PUT_AT_ONCE = 300, 1_000, 8
BUSY = "Too many upload here at once. Try again soon."
SLOWLY = "Too many requests came from where you are. Wait a minute."


async def opened(context: Context, request: Request, token: str) -> tuple[links.Row, Account]:
    """The link of a token, and whose it is. Raises `NotFound`, `TooManyRequests` for one who guesses."""

    def find(tx: Tx) -> tuple[links.Row, Account]:
        link = links.opened_by(tx, token)
        return link, accounts.get(tx, link.account)

    with context.limits.attempt(visitor_of(request, context.config.trusted_proxies), token[:PREFIX], (NotFound,)):
        return await context.database.read(find)


def remembered(link: links.Row, now: int) -> str:
    """What the cookie of somebody says who knew the password."""
    until = now + REMEMBERED
    return f"{until}.{_proof(link, until)}"


def remembers(link: links.Row, cookie: str, now: int) -> bool:
    """Whether it is such a cookie, of that link and its password, and not too old."""
    until, _, proof = cookie.partition(".")
    if link.password is None or not (until.isascii() and until.isdecimal() and len(until) < 16):
        return False
    return now < int(until) and hmac.compare_digest(proof.encode(errors="replace"), _proof(link, int(until)).encode())


def _proof(link: links.Row, until: int) -> str:
    return hmac.new(link.password.encode(), f"{link.id} {until}".encode(), "sha256").hexdigest()


def slow_down(context: Context, limits: Mapping[str, int]) -> None:
    """Counts a request by keys that may be so many within a minute. Raises `TooManyRequests`."""
    for key, limit in limits.items():
        context.limits.check(key, limit, SLOWLY)
    for key, limit in limits.items():
        context.limits.count(key, limit)


def read_address(form: Mapping[str, str], name: str = "address") -> Address:
    """The address that a visitor typed. Raises `Invalid`."""
    fields = Fields(form)
    address = fields.address(name)
    fields.check("An address looks like name@cloud.example.")
    return address


async def take(context: Context, request: Request, link: links.Row, address: Address) -> None:
    """A visitor takes what is behind a link to their own cloud. Raises what `link_shares.take` raises."""
    who = visitor_of(request, context.config.trusted_proxies)
    slow_down(
        context,
        {
            f"taking {who} {link.id}": TAKEN_OF_CLIENT_BY_LINK,
            f"taking {who}": TAKEN_OF_CLIENT,
            f"taking by {link.id}": TAKEN_BY_LINK,
            f"taking to {address.host}": TAKEN_TO_HOST,
        },
    )
    own_host = context.config.own_host
    await context.commit(lambda tx: link_shares.take(tx, links.opened_by(tx, link.token), address, own_host=own_host))


@contextmanager
def putting(context: Context, request: Request, link: links.Row) -> Iterator[None]:
    """Around a file or folder that a visitor puts there. Raises `TooManyRequests`."""
    who = visitor_of(request, context.config.trusted_proxies)
    slow_down(context, {f"putting {who}": PUT_OF_CLIENT, f"putting by {link.id}": PUT_BY_LINK})
    with context.limits.at_once(f"putting by {link.id}", PUT_AT_ONCE, BUSY):
        yield


async def count_fetched(context: Context, request: Request, link: links.Row, response: Response) -> None:
    """Counts a download where this begins one; the later ranges of one do not."""
    begins = response.headers.get("content-range", "bytes 0-").startswith("bytes 0-")
    if request.method == "GET" and response.status_code in (200, 206) and begins:
        await context.database.write(lambda tx: links.fetched(tx, link.id))
