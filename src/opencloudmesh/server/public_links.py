"""Taking along what a public link of another cloud shows: the other gesture of a person that waits for another server.

The link's server is asked to share it with the person's own address (Nextcloud's way, and ours); if it does, the share
arrives as any other, and the person is asked whether they want it. A server that speaks OCM but knows no such message
is taken for an ownCloud: the link is opened over WebDAV, and kept (`links_elsewhere`). Else nothing is stored here, the
link's password least of all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from opencloudmesh.client import peer as client
from opencloudmesh.client.access import link_way
from opencloudmesh.protocol import public_links as messages
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import BadAnswer, FieldError, Forbidden, Invalid, NotFound, OcmError, Refused
from opencloudmesh.protocol.protocols import READ
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, links_elsewhere, listings, policy, received
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context

PER_MINUTE = 20  # links of one person
PREFIX = 8  # characters of a token that stand for it where guesses at its password are counted
ASK_THEM = Sentence("You can ask the one who gave you the link to share it with your address.")


class Taken(NamedTuple):
    """The host of a link, and the row of `received` that is kept of it; None where a share is on its way."""

    host: str
    kept: received.Row | None


async def take(context: Context, account: Account, link: str, password: str) -> Taken:
    """What is behind a link is to be among the person's files.

    Raises `Invalid` for what is no link or one of our own, `Forbidden` where that server does not want to or the policy
    does not, `TooManyRequests`, `BadAnswer` for a server that cannot, and what `Lookup.discover` raises.
    """
    wanted = messages.parse(link)
    host, config = wanted.host, context.config
    if host == config.own_host:
        raise Invalid("This link is from this very cloud. Just open it.", fields=[FieldError("link", "INVALID")])
    key = f"links of {account.id}"
    context.limits.check(key, PER_MINUTE, Sentence("These were too many links. Wait a minute."))
    context.limits.count(key, PER_MINUTE)
    async with context.audited():
        await context.database.read(lambda tx: policy.refuse_denied(tx, "share", host, "in", "out"))
    try:
        # Whoever can sign in here makes us ask no more strange servers than a stranger can.
        peer = await context.lookup.discover(host, asker=f"account {account.id}")
        with context.limits.attempt(key, f"{host} {wanted.token[:PREFIX]}", (Forbidden,)):
            if await _ask(context, account, peer, wanted, password):
                await _record(context, account, host, "done", Sentence("Asked for what is behind a public link."))
                return Taken(host, None)
            seen = await _look(context, account, peer, wanted, password)
    except policy.Denied:
        raise
    except OcmError as error:
        refusal = _told(error, host)
        await _record(context, account, host, "refused", refusal.message)
        raise refusal from None
    exists = context.storage.exists
    keep = links_elsewhere.keep
    row = await context.commit(lambda tx: keep(tx, account.id, wanted, password=password, seen=seen, exists=exists))
    return Taken(host, row)


async def _ask(
    context: Context, account: Account, peer: Discovery, link: messages.PublicLink, password: str
) -> bool:  # fmt: skip
    """Asks for a share; False where the server knows no such message. Raises `Forbidden` where it refuses."""
    me = _address(account, context.config.public_url, context.config.own_host)
    try:
        await client.ask_for_link(context.network, peer.base_url + link.path, messages.form(link, me, password))
    except BadAnswer:
        return False
    except Refused as error:
        if error.peer_status == 400:
            raise Forbidden(
                "{reason} Is the password right, and does the link still lead anywhere?", reason=error.message
            ) from None
        return False
    return True


async def _look(
    context: Context, account: Account, peer: Discovery, link: messages.PublicLink, password: str
) -> dict[str, Any]:  # fmt: skip
    """What a link shows, as columns of `received`. Raises `Forbidden` where it shows nothing by that password."""
    async with context.audited():
        await context.database.read(lambda tx: links_elsewhere.admit(tx, account.id, link.host))
    way = link_way(peer, link.token, password)
    try:
        root = await way.client(context.network).stat("")
    except (NotFound, Refused) as error:
        if isinstance(error, Refused) and error.peer_status != 401:
            raise
        why = Sentence("its password is another") if password else Sentence("it has a password")
        raise Forbidden(
            "{host} does not open this link: {why}, or it has ended. {hint}", host=link.host, why=why, hint=ASK_THEM
        ) from None
    if READ not in root.permissions:
        raise Forbidden("This link shows nothing that could be taken: one can only upload by it.")
    return {**listings.root_columns(root, link=True), "access": {"url": way.root_url, "scheme": way.scheme}}


def _told(error: OcmError, host: str) -> OcmError:
    """What went wrong, for the person."""
    if isinstance(error, (Refused, BadAnswer)):
        return BadAnswer(
            "{host} does not give away what is behind its links. {hint}",
            host=host,
            hint=ASK_THEM,
            detail=error.message,
        )
    return error


def _address(account: Account, public_url: str, own_host: str) -> str:
    """A bare host means https to others; one that runs on plain http has to say so."""
    address = Address(account.id, own_host)
    return f"{account.id}@{public_url}" if public_url.startswith("http://") else str(address)


async def _record(context: Context, account: Account, host: str, outcome: audit.Outcome, reason: str) -> None:
    await context.database.write(
        lambda tx: audit.record(tx, "request", "out", outcome, host=host, account=account.id, reason=reason)
    )
