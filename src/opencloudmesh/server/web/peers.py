"""Who is at the other end, before anything is shared: what the API says of it, and what the pages say too."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import FieldError, Forbidden, Invalid, PeerAway, PeerError
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.obligations import check_share_type, obligations, signature_family
from opencloudmesh.protocol.protocols import MUST_EXCHANGE_TOKEN
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import contacts, policy, views
from opencloudmesh.server.accounts import GROUP, Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.discovery import PER_MINUTE
from opencloudmesh.server.outgoing import CAPABILITIES
from opencloudmesh.server.web.errors import json_response

WAIT = 5.0  # seconds that a person waits for a server to say who it is
LONGEST = 100  # characters of what it calls itself


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody's address, and what is known of their server.

    `peer` is None where it could not be asked, or must not be; then `reason` says why. It also says why a server
    that answers would take no share.
    """

    address: Address
    contact: contacts.Row | None
    invited: bool
    allowed: bool
    peer: Discovery | None
    reason: str

    def view(self) -> dict[str, Any]:
        """As it is shown. What only the server can say is null where it was not asked."""
        return {
            "address": str(self.address),
            "host": self.address.host,
            "contact": views.contact(self.contact) if self.contact is not None else None,
            "allowed": self.allowed,
            "reachable": self.peer is not None,
            "reason": self.reason,
            **(dict.fromkeys(FACTS) if self.peer is None else self._facts(self.peer)),
        }

    def _facts(self, peer: Discovery) -> dict[str, Any]:
        facts = (
            peer.provider[:LONGEST],
            peer.api_version[:LONGEST],
            signature_family(peer) is not None,
            "must-invite" in peer.criteria and not self.invited,
            MUST_EXCHANGE_TOKEN in peer.criteria,
            "enforce-mfa" in peer.capabilities,
            _takes_groups(peer),
            dialect_of(peer).writes,
        )
        return dict(zip(FACTS, facts, strict=True))


FACTS = ("provider", "version", "signed", "inviteNeeded", "mustExchangeToken", "mfa", "groups", "write")


async def show_peer(context: Context, account: Account, request: Request) -> Response:
    """Who is at that address, as far as can be known before something is shared."""
    return json_response((await look(context, account, request.query_params.get("address", ""))).view())


async def look(context: Context, account: Account, text: str) -> Found:
    """The server of an address is asked who it is, where the policy lets us deal with it; or that is known already.

    Raises `Invalid` for what is no address of somebody else, and `TooManyRequests`.
    """
    fields = Fields({"address": text})
    address = fields.address("address")
    fields.check("An address looks like name@cloud.example.")
    if address == Address(account.id, context.config.own_host):
        raise Invalid("This is your own address.", fields=[FieldError("address", "INVALID")])
    contact, standing, decision = await context.database.read(
        lambda tx: (
            contacts.who(tx, account.id, str(address)),
            contacts.standing(tx, account.id, str(address)),
            policy.decide(tx, "out", address.host, account=account.id, address=str(address)),
        )
    )
    peer, reason = None, decision.reason
    if decision.trust is not None:
        peer, reason = await _ask(context, account, address.host, invited=standing.invited)
    return Found(address, contact, standing.invited, decision.trust is not None, peer, reason)


async def _ask(context: Context, account: Account, host: str, *, invited: bool) -> tuple[Discovery | None, str]:
    """What the server says of itself, or None; and why it would take no share."""
    key = f"looks of {account.id}"
    context.limits.check(key, PER_MINUTE, Sentence("You have looked at many servers. Wait a minute."))
    context.limits.count(key, PER_MINUTE)
    try:
        async with asyncio.timeout(WAIT):
            peer = await context.lookup.discover(host, asker=f"person {account.id}")
    except TimeoutError:
        return None, PeerAway("The server has not answered within a few seconds.").message
    except (PeerError, PeerAway) as error:
        return None, error.message
    try:
        obligations(peer, can=frozenset(CAPABILITIES), invited=invited)
    except Forbidden as refusal:
        return peer, refusal.message
    return peer, ""


def _takes_groups(peer: Discovery) -> bool:
    try:
        check_share_type(peer, GROUP, "file")
    except Forbidden:
        return False
    return True
