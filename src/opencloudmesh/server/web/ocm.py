"""Messages from other servers. Who sent one is found out by `senders.authenticate` before a gesture sees it.

    POST /ocm/shares            Share Creation Notification
    POST /ocm/notifications     accepted, declined, unshared, changed, to be shared on; a contact has ended
    POST /ocm/invite-accepted   somebody elsewhere took an invite of one of our people
    POST /ocm/request-share     somebody elsewhere asks one of our people for a share
    POST /ocm/token             a short-lived token for the secret of a share (code flow)

A route is a row in `MESSAGES`, whose gesture gets a `Sender`, so none can be written without one. No answer waits for
the server that sent the message, but for its keys: several call back while their POST is still open.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol import wire
from opencloudmesh.protocol.errors import Conflict, Forbidden, Invalid, NotFound, SignatureError, Unauthenticated
from opencloudmesh.protocol.invites import InviteAccepted
from opencloudmesh.protocol.notifications import REQUEST_RESHARE, Notification
from opencloudmesh.protocol.share_requests import ShareRequest
from opencloudmesh.protocol.shares import NewShare
from opencloudmesh.protocol.tokens import TokenError, TokenRequest
from opencloudmesh.server import (
    asked,
    audit,
    invites,
    news,
    notifications,
    offers,
    policy,
    received,
    share_requests,
    ssh_keys,
    tokens,
)
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.outgoing import TOKEN_PATH
from opencloudmesh.server.policy import Denied
from opencloudmesh.server.web.auth import PREFIX, caller_of
from opencloudmesh.server.web.bodies import read_request
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.senders import Sender, authenticate, speaks_for

mesh = logging.getLogger("opencloudmesh.mesh")

RESHARES = 60  # requests of one server to share something on, in a minute
REFUSALS = (Invalid, Unauthenticated, Forbidden, NotFound)

Answer = dict[str, Any]
Gesture = Callable[[Context, Sender, wire.Request], Awaitable[Answer]]


async def receive_share(context: Context, sender: Sender, message: wire.Request) -> Answer:
    """A share for one of our people, or for a group of them."""
    share, config = NewShare.parse(message.body).told_by(sender.host), context.config
    said_of = {"sender": share.sender.host}
    if sender.host not in (None, share.sender.host):
        said_of["owner"] = share.owner.host
    await speaks_for(context, sender, said_of)

    def receive(tx: Tx) -> Answer:
        sender.admit(tx)
        row, recipient = offers.receive(
            tx,
            share,
            own_host=config.own_host,
            verified=sender.how,
            said=sender.said,
            enforce_mfa=config.enforce_mfa,
            plain_http=config.development,
        )
        rows = received.together(tx, row)
        for each in rows:
            if each.state == received.PENDING and policy.accepts(tx, each.trust):
                received.accept(tx, each.id, exists=context.storage.exists)
                received.inform(tx, each, news.ADDED)
            asked.answered(tx, each)
        answer = {"recipientDisplayName": recipient.name, "recipientUserId": recipient.id}
        keys = [ssh_keys.told(tx, each.account) for each in rows] if "ssh" in row.parts else []
        return answer | ({"recipientPublicKeys": "\n".join(filter(None, keys))} if any(keys) else {})

    with _guesses(context, sender, f"people, from {share.sender.host}", signed=False):
        return await context.commit(receive)


async def receive_notification(context: Context, sender: Sender, message: wire.Request) -> Answer:
    """Something happened to a share or a contact. The answer is an object: Reva cannot read `[]`."""
    notification = Notification.parse(message.body)

    def receive(tx: Tx) -> Answer:
        sender.admit(tx)
        return notifications.receive(
            tx,
            notification,
            own_host=context.config.own_host,
            signed_by=sender.host,
            verified=sender.how,
            said=sender.said,
        )

    if notification.type == REQUEST_RESHARE:  # it makes us write to others
        key = f"reshares of {sender.counts_as}"
        context.limits.check(key, RESHARES, "Too much is being shared on. Wait a minute.")
        context.limits.count(key, RESHARES)
    with _guesses(context, sender, f"share {notification.provider_id}", signed=False):
        return await context.commit(receive)


async def receive_acceptance(context: Context, sender: Sender, message: wire.Request) -> Answer:
    """Somebody took an invite: both are each other's contacts now. Nextcloud 32 sends a form, all others JSON."""
    accepted = InviteAccepted.read(_form_or_json(message))
    await speaks_for(context, sender, {"recipientProvider": accepted.recipient_provider})

    def receive(tx: Tx) -> Answer:
        sender.admit(tx)
        return invites.accepted(tx, accepted, verified=sender.how).encode()

    with _guesses(context, sender, f"invite {accepted.token[:PREFIX]}"):
        try:
            return await context.commit(receive)
        except (Invalid, Conflict) as error:
            host, reason = accepted.recipient_provider, error.message
            await context.database.write(
                lambda tx: audit.record(tx, "invite", "in", "refused", host=host, verified=sender.how, reason=reason)
            )
            raise


async def receive_request(context: Context, sender: Sender, message: wire.Request) -> Answer:
    """Somebody asks for a share. Only signed: the owner decides by who asks."""
    request = ShareRequest.parse(message.body)
    if sender.host is None:
        raise SignatureError("A request for a share must be signed.")
    await speaks_for(context, sender, {"shareWith": request.share_with.host})

    def receive(tx: Tx) -> Answer:
        sender.admit(tx)
        share_requests.receive(tx, request, own_host=context.config.own_host, verified=sender.how)
        return {}

    with _guesses(context, sender, f"resources of {request.owner.person}"):
        return await context.commit(receive)


async def receive_token_request(context: Context, sender: Sender, message: wire.Request) -> Answer:
    """The code flow. Its errors are those of OAuth."""
    try:
        values = _form_or_json(message)
    except Invalid as error:
        raise TokenError("invalid_request", error.message) from None
    request = TokenRequest.read(values)

    def receive(tx: Tx) -> Answer:
        try:
            sender.admit(tx)
        except SignatureError as error:
            raise TokenError("invalid_client", error.message) from None
        return tokens.exchange(tx, request, signed_by=sender.host, verified=sender.how).encode()

    try:
        with _guesses(context, sender, f"code {request.code[:PREFIX]}"):
            return await context.commit(receive)
    except Denied as denied:
        raise TokenError("unauthorized_client", denied.message) from None


def _guesses(context: Context, sender: Sender, what: str, *, signed: bool = True) -> AbstractContextManager[None]:
    """Around what answers a guess. Raises `TooManyRequests`.

    Not `signed`: of a server that signs its messages only the sum counts, for many of one kind are no guesses.
    """
    return context.limits.attempt(sender.counts_as, what if signed or sender.host is None else "", REFUSALS)


class Message(NamedTuple):
    """A kind of message: what is done with it, and the status of success. Nextcloud and ownCloud insist on 201."""

    gesture: Gesture
    status: int = 201
    headers: Mapping[str, str] = {}


MESSAGES: Mapping[str, Message] = {
    "/ocm/shares": Message(receive_share),
    "/ocm/notifications": Message(receive_notification),
    "/ocm/invite-accepted": Message(receive_acceptance, 200),
    "/ocm/request-share": Message(receive_request),
    TOKEN_PATH: Message(receive_token_request, 200, {"Cache-Control": "no-store", "Pragma": "no-cache"}),
}


def routes(context: Context) -> list[Route]:
    """The routes of all messages, with and without a slash at the end."""
    return [
        Route(path + slash, partial(_answer, context, kind), methods=["POST"])
        for path, kind in MESSAGES.items()
        for slash in ("", "/")
    ]


async def _answer(context: Context, kind: Message, request: Request) -> Response:
    message = await read_request(request, context.config.max_message, context.config.public_url)
    sender = await _sender(context, kind, message, caller_of(request, context.config.trusted_proxies))
    answer = await kind.gesture(context, sender, message)
    path, who = request.scope["path"], sender.host or "a server"
    mesh.info("in  POST %s from %s (%s): %d", path, who, sender.how, kind.status)
    return json_response(answer, kind.status, kind.headers)


async def _sender(context: Context, kind: Message, message: wire.Request, address: str) -> Sender:
    try:
        return await authenticate(context, message, address)
    except (SignatureError, Denied) as error:
        if kind.gesture is receive_token_request:
            word = "unauthorized_client" if isinstance(error, Denied) else "invalid_client"
            raise TokenError(word, error.message) from None
        raise


def _form_or_json(message: wire.Request) -> Mapping[str, Any]:
    """The fields of a form, or of a JSON object. Raises `Invalid`."""
    kind = (message.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return wire.decode_object(message.body)
    try:
        return dict(parse_qsl(message.body.decode(), keep_blank_values=True, max_num_fields=100, errors="strict"))
    except ValueError:
        raise Invalid("The form is not understood.") from None
