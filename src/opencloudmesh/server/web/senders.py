"""Who sent a message? The one place where other servers are authenticated, before anything looks at what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from opencloudmesh.protocol import signatures, wire
from opencloudmesh.protocol.errors import (
    FieldError,
    Forbidden,
    PeerAway,
    PeerError,
    SignatureError,
    Unauthenticated,
    UnknownKey,
    Unreachable,
)
from opencloudmesh.protocol.signatures import Claim
from opencloudmesh.server import outbox, peers, policy
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.limits import FAILURES_FOR_NAME

RETRY = 30  # seconds, after which a server that could not be reached is asked again


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a message: the server whose signature holds, or nobody that we know, at an `address`."""

    claim: Claim | None = None
    address: str = ""

    @property
    def host(self) -> str | None:
        """The host that signed; None for an unsigned message."""
        return self.claim.host if self.claim else None

    @property
    def how(self) -> str:
        """How it is known: "rfc9421", "cavage" or "unsigned"."""
        return self.claim.family if self.claim else "unsigned"

    @property
    def said(self) -> int | None:
        """When it was signed, in unix seconds."""
        return self.claim.created if self.claim else None

    @property
    def counts_as(self) -> str:
        """Whose attempts these are, where they are limited: of who is known, the address does not matter."""
        return f"server {self.claim.host}" if self.claim else self.address

    def admit(self, tx: Tx) -> None:
        """In the message's transaction: no signature counts twice, and who has signed once is expected to sign."""
        if self.claim and peers.signed(tx, self.claim.host, self.claim.digest):
            outbox.hurry(tx, self.claim.host)


async def authenticate(context: Context, message: wire.Request, address: str) -> Sender:
    """Who sent a message, which came from an address: limits ask for that, and nothing else.

    Raises `SignatureError` for a signature that does not hold, and for none where the policy demands one from
    everybody; `Denied` for a server that the operator does not want, which is asked nothing; `PeerAway` where the
    sender cannot be asked for its keys at the moment, `TooManyRequests`.
    """
    claim = signatures.read(message)
    if claim is None:
        if not await context.database.read(policy.takes_unsigned):
            raise SignatureError("Messages must be signed here.")
        return Sender(address=address)
    now = int(context.clock())
    signatures.check_window(claim, now)  # before anybody is asked for keys
    await _refuse_denied(context, claim.host, address)
    with _asking(claim.host):
        keys = await context.lookup.keys(claim, asker=address)
        try:
            signatures.verify(message, claim, keys, now)
        except UnknownKey:  # it may be new
            keys = await context.lookup.keys(claim, fresh=True, asker=address)
            signatures.verify(message, claim, keys, now)
    return Sender(claim, address)


async def speaks_for(context: Context, sender: Sender, hosts: Mapping[str, str]) -> None:
    """Makes sure that the sender may speak for these hosts, which are given by the names of the message's fields.

    Raises `Forbidden` where another server has signed, `Unauthenticated` for an unsigned message of one that signs.
    """
    if sender.host is not None:
        wrong = [FieldError(name, "INVALID") for name, host in hosts.items() if host != sender.host]
        if wrong:
            raise Forbidden("{host}, which signed, cannot speak for another server.", host=sender.host, fields=wrong)
        return
    for host in dict.fromkeys(hosts.values()):
        await _refuse_denied(context, host, sender.address)
        mode, signs = await context.database.read(partial(_unsigned, host))
        if mode == policy.REQUIRED:
            raise Unauthenticated("Messages from {host} must be signed here.", host=host)
        if mode == policy.EXPECTED:
            with _asking(host):
                peer = await context.lookup.discover(host, asker=sender.address)
            if signs or peer.public_key or "http-sig" in peer.capabilities:
                raise Unauthenticated("{host} signs its messages, and this one is not signed.", host=host)


async def _refuse_denied(context: Context, host: str, address: str) -> None:
    """Raises `Denied`; `TooManyRequests` for an address that names more such servers than should be written down."""
    async with context.audited():
        try:
            await context.database.read(lambda tx: policy.refuse_denied(tx, "peer", host, "in"))
        except policy.Denied:
            key = f"denied servers of {address}"  # nobody has proven to be one of them
            context.limits.check(key, FAILURES_FOR_NAME)
            context.limits.count(key, FAILURES_FOR_NAME)
            raise


def _unsigned(host: str, tx: Tx) -> tuple[str, bool]:
    """How it is with unsigned messages of a host, and whether it has ever signed."""
    row = peers.get(tx, host)
    return policy.signatures_of(tx, host), row is not None and row.signs


@contextmanager
def _asking(host: str) -> Iterator[None]:
    """Around a question to the server that a message claims to be from: that it has no answer is not our failure."""
    try:
        yield
    except Unreachable as error:
        raise PeerAway(
            "{host} cannot be asked who it is at the moment.", host=host, retry_after=RETRY, detail=error.message
        ) from None
    except PeerError as error:  # it is none of us, or must not be asked
        raise SignatureError("{host} does not say who it is.", host=host, detail=error.message) from None
