"""The JSON API under `/api/v1`, for a person's own programs: HTTP Basic with their password.

What a row of the database looks like to a person is decided in `views`; secrets are not in it. The shapes are
described in `openapi.py`, which a test holds against these routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import UnsupportedMediaType
from opencloudmesh.protocol.fields import Fields
from opencloudmesh.protocol.wire import decode_object
from opencloudmesh.server import contacts, introductions, invites, links, received, share_requests, shares, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web import openapi
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.bodies import read_body
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.links import NewLink, create, grant
from opencloudmesh.server.web.shares import NewShare, offer

BASE = "/api/v1"
MAX_BODY = 65_536  # bytes

Handler = Callable[[Context, Account, Request], Awaitable[Response]]


async def me(context: Context, account: Account, _request: Request) -> Response:
    """Who am I here, and what is my OCM Address?"""
    address = str(Address(account.id, context.config.own_host))
    return json_response({"id": account.id, "name": account.name, "email": account.email, "address": address})


async def list_shares(context: Context, account: Account, _request: Request) -> Response:
    """What I share."""
    rows = await context.database.read(lambda tx: shares.listing(tx, account.id))
    return json_response([views.share(row) for row in rows])


async def create_share(context: Context, account: Account, request: Request) -> Response:
    """I share a file or folder."""
    row = await offer(context, account, NewShare.read(await _read_object(request)))
    return json_response(views.share(row), 201, {"Location": f"{BASE}/shares/{row.id}"})


async def show_share(context: Context, account: Account, request: Request) -> Response:
    """One share of mine."""
    row = await context.database.read(lambda tx: shares.get(tx, request.path_params["id"], owner=account.id))
    return json_response(views.share(row))


async def delete_share(context: Context, account: Account, request: Request) -> Response:
    """I end a share."""
    await context.commit(lambda tx: shares.unshare(tx, request.path_params["id"], owner=account.id))
    return Response(status_code=204)


async def list_received(context: Context, account: Account, _request: Request) -> Response:
    """What is shared with me."""
    rows = await context.database.read(lambda tx: received.listing(tx, account.id))
    return json_response([views.received(row) for row in rows])


async def show_received(context: Context, account: Account, request: Request) -> Response:
    """One share that I was offered."""
    row = await context.database.read(lambda tx: received.get(tx, request.path_params["id"], account=account.id))
    return json_response(views.received(row))


async def accept(context: Context, account: Account, request: Request) -> Response:
    """I take a share."""
    received_id = request.path_params["id"]
    row = await context.commit(
        lambda tx: received.accept(tx, received_id, account=account.id, exists=context.storage.exists)
    )
    return json_response(views.received(row))


async def decline(context: Context, account: Account, request: Request) -> Response:
    """I do not want a share, or leave it."""
    row = await context.commit(lambda tx: received.decline(tx, request.path_params["id"], account=account.id))
    return json_response(views.received(row))


async def delete_received(context: Context, account: Account, request: Request) -> Response:
    """I take a share off my list."""
    await context.commit(lambda tx: received.remove(tx, request.path_params["id"], account=account.id))
    return Response(status_code=204)


async def list_links(context: Context, account: Account, _request: Request) -> Response:
    """The links that I gave away."""
    rows = await context.database.read(lambda tx: links.listing(tx, account.id))
    url, now = context.config.public_url, int(context.clock())
    return json_response([views.link(row, url, now) for row in rows])


async def create_link(context: Context, account: Account, request: Request) -> Response:
    """I let people ask for a file or folder."""
    row = await create(context, account, NewLink.read(await _read_object(request)))
    return json_response(views.link(row, context.config.public_url, row.created), 201)


async def delete_link(context: Context, account: Account, request: Request) -> Response:
    """Nobody shall ask by a link any more."""
    await context.database.write(lambda tx: links.remove(tx, request.path_params["id"], account=account.id))
    return Response(status_code=204)


async def list_requests(context: Context, account: Account, _request: Request) -> Response:
    """Who asked me for something."""
    rows = await context.database.read(lambda tx: share_requests.listing(tx, account.id))
    return json_response([views.request(row) for row in rows])


async def grant_request(context: Context, account: Account, request: Request) -> Response:
    """I share it with the one who asked."""
    return json_response(views.request(await grant(context, account, request.path_params["id"])))


async def refuse_request(context: Context, account: Account, request: Request) -> Response:
    """I do not share it with the one who asked."""
    request_id = request.path_params["id"]
    row = await context.database.write(lambda tx: share_requests.refuse(tx, request_id, account=account.id))
    return json_response(views.request(row))


async def list_invites(context: Context, account: Account, _request: Request) -> Response:
    """The invites that I gave away."""
    rows = await context.database.read(lambda tx: invites.listing(tx, account.id))
    public_url, now = context.config.public_url, int(context.clock())
    return json_response([views.invite(row, public_url, now) for row in rows])


async def create_invite(context: Context, account: Account, request: Request) -> Response:
    """I invite somebody elsewhere."""
    fields = Fields(await _read_object(request))
    description, expiration = fields.text("description", required=False), fields.number("expiration")
    fields.check("The invite is not complete.")
    row = await context.database.write(
        lambda tx: invites.create(tx, account.id, description=description, expiration=expiration)
    )
    return json_response(views.invite(row, context.config.public_url, int(context.clock())), 201)


async def revoke_invite(context: Context, account: Account, request: Request) -> Response:
    """Nobody shall take an invite any more."""
    await context.database.write(lambda tx: invites.revoke(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


async def accept_invite(context: Context, account: Account, request: Request) -> Response:
    """I take an invite from elsewhere. This waits for the server that it is from."""
    fields = Fields(await _read_object(request))
    invite = fields.text("invite")
    fields.check("The invite is missing.")
    return json_response(await introductions.accept(context, account, invite), 201)


async def list_contacts(context: Context, account: Account, _request: Request) -> Response:
    """Whom I know elsewhere."""
    rows = await context.database.read(lambda tx: contacts.listing(tx, account.id))
    return json_response([views.contact(row) for row in rows])


async def create_contact(context: Context, account: Account, request: Request) -> Response:
    """I write down somebody's address."""
    fields = Fields(await _read_object(request))
    address, name = fields.address("address"), fields.text("name", required=False)
    fields.check("The contact is not complete.")
    row = await context.database.write(lambda tx: contacts.meet(tx, account.id, address, name=name))
    return json_response(views.contact(row), 201)


async def delete_contact(context: Context, account: Account, request: Request) -> Response:
    """I forget a contact."""
    await context.database.write(lambda tx: contacts.remove(tx, account.id, request.path_params["id"]))
    return Response(status_code=204)


OPERATIONS: Mapping[str, Mapping[str, Handler]] = {
    "/me": {"GET": me},
    "/shares": {"GET": list_shares, "POST": create_share},
    "/shares/{id}": {"GET": show_share, "DELETE": delete_share},
    "/received": {"GET": list_received},
    "/received/{id}": {"GET": show_received, "DELETE": delete_received},
    "/received/{id}/accept": {"POST": accept},
    "/received/{id}/decline": {"POST": decline},
    "/links": {"GET": list_links, "POST": create_link},
    "/links/{id}": {"DELETE": delete_link},
    "/requests": {"GET": list_requests},
    "/requests/{id}/grant": {"POST": grant_request},
    "/requests/{id}/refuse": {"POST": refuse_request},
    "/invites": {"GET": list_invites, "POST": create_invite},
    "/invites/accept": {"POST": accept_invite},
    "/invites/{id}": {"DELETE": revoke_invite},
    "/contacts": {"GET": list_contacts, "POST": create_contact},
    "/contacts/{id}": {"DELETE": delete_contact},
}


def routes(context: Context, doors: Doors) -> list[Route]:
    """The routes of the API."""

    def endpoint(handlers: Mapping[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            account = await doors.person(request)
            return await handlers["GET" if request.method == "HEAD" else request.method](context, account, request)

        return answer

    async def description(_request: Request) -> Response:
        return json_response(openapi.document(context.config.public_url))

    operations = [Route(BASE + path, endpoint(of), methods=list(of)) for path, of in OPERATIONS.items()]
    return [*operations, Route(f"{BASE}/openapi.json", description)]


async def _read_object(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaType("Send JSON (Content-Type: application/json).")
    return decode_object(await read_body(request, MAX_BODY))
