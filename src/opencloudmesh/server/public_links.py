"""Taking along what a public link of another cloud shows: the other gesture of a person that waits for another server.

The link's server is asked to share it with the person's own address; if it does, the share arrives as any other, and
the person is asked whether they want it. Nothing is stored here, the link's password least of all.
"""

from __future__ import annotations

from opencloudmesh.client import peer as client
from opencloudmesh.protocol import public_links as messages
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import BadAnswer, FieldError, Forbidden, Invalid, OcmError, Refused
from opencloudmesh.server import audit, policy
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context

PER_MINUTE = 20  # links of one person


async def ask(context: Context, account: Account, link: str, password: str) -> str:
    """Asks the server of a link for a share; its host.

    Raises `Invalid` for what is no link or one of our own, `Forbidden` where that server does not want to or the policy
    does not, `TooManyRequests`, `BadAnswer` for a server that cannot, and what `Lookup.discover` raises.
    """
    wanted = messages.parse(link)
    host, config = wanted.host, context.config
    if host == config.own_host:
        raise Invalid("This link is from this very cloud. Just open it.", fields=[FieldError("link", "INVALID")])
    key = f"links of {account.id}"
    context.limits.check(key, PER_MINUTE, "These were too many links. Wait a minute.")
    context.limits.count(key, PER_MINUTE)
    async with context.audited():
        await context.database.read(lambda tx: policy.refuse_denied(tx, "share", host, "in"))
    try:
        # Whoever can sign in here makes us ask no more strange servers than a stranger can.
        peer = await context.lookup.discover(host, asker=f"account {account.id}")
        me = _address(account, config.public_url, config.own_host)
        await client.ask_for_link(context.network, peer.base_url + wanted.path, messages.form(wanted, me, password))
    except OcmError as error:
        refusal = _told(error, host)
        await _record(context, account, host, "refused", refusal.message)
        raise refusal from None
    await _record(context, account, host, "done", "Asked for what is behind a public link.")
    return host


def _told(error: OcmError, host: str) -> OcmError:
    """What went wrong, for the person."""
    if isinstance(error, Refused) and error.peer_status == 400:
        return Forbidden(f"{error.message} Is the password right, and does the link still lead anywhere?")
    if isinstance(error, (Refused, BadAnswer)):
        message = (
            f"{host} does not give away what is behind its links. Ask the one who gave you the link to share it with "
            "your address."
        )
        return BadAnswer(message, detail=error.message)
    return error


def _address(account: Account, public_url: str, own_host: str) -> str:
    """A bare host means https to others; one that runs on plain http has to say so."""
    address = Address(account.id, own_host)
    return f"{account.id}@{public_url}" if public_url.startswith("http://") else str(address)


async def _record(context: Context, account: Account, host: str, outcome: audit.Outcome, reason: str) -> None:
    await context.database.write(
        lambda tx: audit.record(tx, "request", "out", outcome, host=host, account=account.id, reason=reason)
    )
