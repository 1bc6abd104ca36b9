"""Messages from other servers. Each is authenticated here, in one place, before anything looks at it.

    POST /ocm/shares            Share Creation Notification
    POST /ocm/notifications     accepted, declined, unshared

A route is a row in `MESSAGES`; its gesture gets a `Sender`, so none can be written without one. The answer to a
message never waits for the server that sent it, but for its keys.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol import signatures, wire
from opencloudmesh.protocol.errors import FieldError, Forbidden, SignatureError, Unauthenticated, UnknownKey
from opencloudmesh.protocol.notifications import Notification
from opencloudmesh.protocol.shares import NewShare
from opencloudmesh.protocol.signatures import Claim
from opencloudmesh.server import notifications, peers, received
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.bodies import read_request
from opencloudmesh.server.web.errors import json_response

mesh = logging.getLogger("opencloudmesh.mesh")


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a message: the server whose signature holds, or nobody that we know."""

    claim: Claim | None = None

    @property
    def host(self) -> str | None:
        """The host that signed; None for an unsigned message."""
        return self.claim.host if self.claim else None

    @property
    def how(self) -> str:
        """How it is known: "rfc9421", "cavage" or "unsigned"."""
        return self.claim.family if self.claim else "unsigned"

    def admit(self, tx: Tx) -> None:
        """In the message's transaction: no signature counts twice, and who has signed once is expected to sign."""
        if self.claim:
            peers.signed(tx, self.claim.host, self.claim.digest)


async def receive_share(context: Context, sender: Sender, body: bytes) -> dict[str, Any]:
    """A share for one of our people."""
    share = NewShare.parse(body)
    if sender.host is None:
        await _may_be_unsigned(context, share.sender.host)
    elif not sender.host == share.sender.host == share.owner.host:
        wrong = [
            FieldError(name, "INVALID") for name in ("sender", "owner") if getattr(share, name).host != sender.host
        ]
        raise Forbidden(f"{sender.host}, which signed, cannot speak for another server.", fields=wrong)

    def receive(tx: Tx) -> dict[str, Any]:
        sender.admit(tx)
        _, account = received.receive(tx, share, own_host=context.config.own_host, verified=sender.how)
        return {"recipientDisplayName": account.name, "recipientUserId": account.id}

    return await context.commit(receive)


async def receive_notification(context: Context, sender: Sender, body: bytes) -> dict[str, Any]:
    """Something happened to a share. The answer is an object: Reva cannot read `[]`."""
    notification = Notification.parse(body)

    def receive(tx: Tx) -> dict[str, Any]:
        sender.admit(tx)
        notifications.receive(tx, notification, signed_by=sender.host)
        return {}

    return await context.commit(receive)


Gesture = Callable[[Context, Sender, bytes], Awaitable[dict[str, Any]]]
MESSAGES: dict[str, Gesture] = {
    "/ocm/shares": receive_share,
    "/ocm/notifications": receive_notification,
}


def routes(context: Context) -> list[Route]:
    """The routes of all messages, with and without a slash at the end."""
    return [
        Route(path + slash, partial(_answer, context, gesture), methods=["POST"])
        for path, gesture in MESSAGES.items()
        for slash in ("", "/")
    ]


async def _answer(context: Context, gesture: Gesture, request: Request) -> Response:
    """201, as Nextcloud and ownCloud insist."""
    message = await read_request(request, context.config.max_message, context.config.public_url)
    sender = await authenticate(context, message)
    answer = await gesture(context, sender, message.body)
    mesh.info("in  POST %s from %s (%s): 201", request.scope["path"], sender.host or "a server", sender.how)
    return json_response(answer, 201)


async def authenticate(context: Context, message: wire.Request) -> Sender:
    """Who sent a message.

    Raises `SignatureError` for a signature that does not hold, and for none where the settings demand one; what
    `Lookup.keys` raises where the sender's keys cannot be had.
    """
    claim = signatures.read(message)
    if claim is None:
        if context.config.signatures == "required":
            raise SignatureError("Messages must be signed here.")
        return Sender()
    now = int(context.clock())
    signatures.check_window(claim, now)  # before anybody is asked for keys
    keys = await context.lookup.keys(claim)
    try:
        signatures.verify(message, claim, keys, now)
    except UnknownKey:  # it may be new
        keys = await context.lookup.keys(claim, fresh=True)
        signatures.verify(message, claim, keys, now)
    return Sender(claim)


async def _may_be_unsigned(context: Context, host: str) -> None:
    """Raises `Unauthenticated` where the sender is one who signs."""
    if context.config.signatures == "optional":
        return
    peer = await context.lookup.discover(host)
    row = await context.database.read(lambda tx: peers.get(tx, host))
    if (row is not None and row.signs) or peer.public_key or "http-sig" in peer.capabilities:
        raise Unauthenticated(f"{host} signs its messages, and this one is not signed.")
