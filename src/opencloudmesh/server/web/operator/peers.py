"""Other servers: how contact with them goes, what holds for one of them and why, and ending everything with it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from opencloudmesh.protocol.address import normalise_host
from opencloudmesh.protocol.dialects import dialect_of
from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import NotFound, OcmError, PeerAway
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.server import counts, departures, directories, outbox, outgoing, peers, policy, rules, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.bodies import read_maybe_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.operator import PAGE, decide, said

PATIENCE = 10.0  # seconds that an operator waits for a server that is asked who it is


async def list_peers(context: Context, _account: Account, request: Request) -> Response:
    """A page of the servers that are known: those found by `search`, or with `failing=true` those that fail."""
    text, after, failing = said(request, "search"), said(request, "after"), said(request, "failing") == "true"
    rows = await context.database.read(lambda tx: page(tx, text, failing=failing, after=after, limit=PAGE))
    return json_response(rows)


async def show_peer(context: Context, _account: Account, request: Request) -> Response:
    """All that is known of one server."""
    host = host_of(request)
    return json_response(await context.database.read(lambda tx: _known(tx, host)))


async def discover_peer(context: Context, _account: Account, request: Request) -> Response:
    """I ask a server again who it is."""
    host = host_of(request)
    await ask(context, host)
    return json_response(await context.database.read(lambda tx: _known(tx, host)))


async def forget_peer(context: Context, account: Account, request: Request) -> Response:
    """I forget what is known of a server: it is met anew."""
    host = host_of(request)
    await decide(context, account, lambda tx: peers.forget(tx, host, by=account.id))
    return Response(status_code=204)


async def purge_peer(context: Context, account: Account, request: Request) -> Response:
    """I end everything with a server."""
    fields = Fields(await read_maybe_object(request))
    with_contacts = bool(fields.flag("contacts"))
    fields.check()
    return json_response(asdict(await purge(context, account, host_of(request), with_contacts=with_contacts)))


def host_of(request: Request) -> str:
    """The server that a path names. Raises `Invalid`."""
    return normalise_host(request.path_params["host"])


def page(tx: Tx, text: str, *, failing: bool, after: str, limit: int) -> list[dict[str, Any]]:
    """Rows as the list shows them."""
    return [_row(tx, row) for row in peers.page(tx, text, failing=failing, after=after, limit=limit)]


def details(tx: Tx, host: str) -> dict[str, Any]:
    """What holds for a server and why, what is shared with it, and as far as it is known what it said of itself."""
    row = peers.get(tx, host)
    return {
        "host": host,
        **_standing(tx, host),
        "decidedBy": rules.deciding(tx, host),
        "federation": directories.is_member(tx, host),
        "keys": peers.thumbprints(row) if row is not None else {},
        "dialect": _dialect(row),
        **asdict(counts.of_server(tx, host)),
        "waiting": outbox.count(tx, host),
        **(_row(tx, row) if row is not None else {}),
    }


async def ask(context: Context, host: str) -> None:
    """Asks a server who it is, even where it has failed a moment ago. Raises `PeerError`, `PeerAway`."""
    await context.database.write(lambda tx: peers.ask_again(tx, host))
    try:
        async with asyncio.timeout(PATIENCE):
            await context.lookup.discover(host, fresh=True)
    except TimeoutError:
        raise PeerAway(
            "{host} has not answered yet. Look again in a minute: it is still being asked.", host=host
        ) from None


async def purge(context: Context, account: Account, host: str, *, with_contacts: bool) -> departures.Ended:
    """Everything with a server ends."""
    return await decide(
        context, account, lambda tx: departures.server(tx, host, with_contacts=with_contacts, by=account.id)
    )


def _known(tx: Tx, host: str) -> dict[str, Any]:
    if peers.get(tx, host) is None:
        raise NotFound("{host} is not known.", host=host)
    return details(tx, host)


def _row(tx: Tx, row: Any) -> dict[str, Any]:
    return views.peer(row, **_standing(tx, row.host))


def _standing(tx: Tx, host: str) -> dict[str, str]:
    return {
        "incoming": policy.standing(tx, "in", host),
        "outgoing": policy.standing(tx, "out", host),
        "signatures": policy.signatures_of(tx, host),
    }


def _dialect(row: Any) -> str | None:
    """How we talk to a server: as has worked, else as its document shows."""
    learnt = outgoing.learnt_dialect(row)
    if learnt is not None:
        return learnt.family
    if row is not None and row.document is not None:
        with suppress(OcmError):
            return dialect_of(Discovery.read(row.document, row.base_url)).family
    return None
